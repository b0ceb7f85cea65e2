"""Differences between boards."""

import pytest

from signalbox.dashboards.compare import differences

BOARD = {
    "uid": "trust",
    "title": "Trust",
    "version": 0,
    "schemaVersion": 39,
    "annotations": {"list": []},
    "panels": [{"id": 1, "title": "Errors", "targets": [{"expr": "up", "refId": "A"}]}],
}


def changed(**values):
    return {**BOARD, **values}


@pytest.mark.parametrize(
    "stored",
    [
        changed(id=7, version=12, schemaVersion=42),
        changed(annotations={"list": [{"builtIn": 1, "name": "Annotations & Alerts"}]}),
        changed(weekStart="", panels=[{**BOARD["panels"][0], "fieldConfig": {"defaults": {}}}]),
    ],
)
def test_what_grafana_adds_is_no_difference(stored):
    assert differences(BOARD, stored) == []


@pytest.mark.parametrize(
    ("stored", "line"),
    [
        (changed(title="Old"), "title: Old → Trust"),
        (changed(panels=[]), "panels: 0 → 1 entries, with Errors"),
        (changed(panels=[*BOARD["panels"], {"title": "Mine"}]), "panels: 2 → 1 entries, without Mine"),
        (
            changed(panels=[{"id": 1, "title": "Errors", "targets": [{"expr": "down", "refId": "A"}]}]),
            "panels[Errors].targets[0].expr: down → up",
        ),
        ({"uid": "trust", "title": "Trust", "annotations": {}}, "panels: nothing → [{'id': 1,"),
    ],
)
def test_what_a_person_changed_is_named(stored, line):
    [shown] = differences(BOARD, stored)
    assert shown.startswith(line)
