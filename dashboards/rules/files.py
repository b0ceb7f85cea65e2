"""The rule files of charts/monitoring, in Prometheus' own format."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from dashboards import settings
from dashboards.metrics import check_names
from dashboards.rules import assessor, jobs, servers, trust
from dashboards.rules.alerts import alerts
from dashboards.rules.rule import Group, Recording


def groups() -> tuple[Group, ...]:
    """All groups of recording rules."""
    return servers.group(), *assessor.groups(), *trust.groups(), jobs.group()


def settings_group() -> Group:
    """The settings as series, which the chart replaces by its values."""
    return Group(
        "signalbox-settings",
        tuple(
            Recording(
                settings.SERIES,
                f"vector({settings.default(name):g})",
                "A value of the chart.",
                {"setting": name},
            )
            for name in settings.SETTINGS
        ),
    )


@cache
def recorded() -> frozenset[str]:
    """The names of all recorded series."""
    return frozenset(rule.record for group in (settings_group(), *groups()) for rule in group.rules)


def rule_files() -> dict[str, str]:
    """Name of each file → its text.

    Raises InputError for a metric that nothing defines.
    """
    entries = [rule.entry(settings.runbooks_url()) for rule in alerts()]
    files = {
        "settings.yaml": [_group(settings_group())],
        "recording.yaml": [_group(group) for group in groups()],
        "alerts.yaml": [{"name": "signalbox-alerts", "rules": entries}],
    }
    for file_groups in files.values():
        for rule in (rule for group in file_groups for rule in group["rules"]):
            check_names(rule.get("record") or rule["alert"], rule["expr"], recorded())
    return {name: settings.HEADER + _text({"groups": file_groups}) for name, file_groups in files.items()}


def _group(group: Group) -> dict[str, Any]:
    interval = {"interval": group.interval} if group.interval else {}
    return {"name": group.name, **interval, "rules": [rule.entry() for rule in group.rules]}


def _text(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=10_000, allow_unicode=True)
