"""A model server without replicas: calls of the assessor start one."""

import re

from signalbox.contracts import metrics
from tests.charts.conftest import one, render


def queries(**autoscaling: object) -> list[str]:
    values = {"autoscaling": {"enabled": True, **autoscaling}, "persistence": {"enabled": False}}
    triggers = one(render("model-server", values), "ScaledObject")["spec"]["triggers"]
    return [trigger["metadata"]["query"] for trigger in triggers]


def test_zero_replicas_are_woken_by_calls_that_the_assessor_counts():
    _, wake = queries(minReplicas=0)
    rows = {metrics.UPSTREAM_WAITING: "", metrics.UPSTREAM_FAILURES: "_total"}
    for metric, suffix in rows.items():
        (labels,) = re.findall(rf"{metric.name}{suffix}{{(.*?)}}", wake)
        names = set(re.findall(r"(\w+)=", labels))
        assert names - {"namespace"} == set(metric.labels)
        assert 'namespace="models"' in labels
        assert 'upstream="decoder"' in labels


def test_the_trigger_is_absent_with_a_replica_or_if_it_is_disabled():
    assert len(queries(minReplicas=1)) == len(queries(minReplicas=0, wake=False)) == 1


def test_the_notes_name_what_must_be_scraped(notes):
    values = {"autoscaling": {"enabled": True, "minReplicas": 0}, "persistence": {"enabled": False}}
    assert "Prometheus must" in notes(values)
    values["autoscaling"]["wake"] = False
    assert "cannot start one" in notes(values)
