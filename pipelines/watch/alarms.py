"""Alarms without labels: what the records of a route and language say, and what the drift job said about the texts."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.classes import Classes
from pipelines.drift.comparison import Comparison, Verdict, columns_of, compare
from pipelines.windows import Pair, Windows, read
from signalbox.certificate.monitoring.monitor import Alarm, Observation
from signalbox.contracts.certificate import CertificateCause
from signalbox.store import Store
from signalbox.tasks import Task

log = logging.getLogger(__name__)

# Sources of the drift job's columns that speak of a model's answers, and the cause that an alarm of each has.
_CAUSES = {"output": CertificateCause.OUTPUT, "candidate_light": CertificateCause.GREEN_SHARE}
_REASONS = {
    CertificateCause.OUTPUT: "the probabilities of the answers changed",
    CertificateCause.GREEN_SHARE: "the share of green candidates changed",
    CertificateCause.TEXTS: "the texts changed, as the drift job says",
}
_TEXT_COLUMNS = ("input_text", "input_characters")


async def alarms_of(
    store: Store, task: Task, observation: Observation, now: datetime, *, alpha: float, current_days: int
) -> list[Alarm]:
    """The columns whose answers since the certificate differ from those that are known to be right often enough."""
    key, (since, border) = observation.newest.certificate.campaign.key, observation.windows
    recent = max(border, now - timedelta(days=current_days))
    reference = await read(store, task, [key.language], [key.route], Windows(since, border, border))
    current = await read(store, task, [key.language], [key.route], Windows(recent, recent, now))
    classes = Classes.of(task)
    columns = [column for column in columns_of(classes) if column.source in _CAUSES]
    causes = {column.name: _CAUSES[column.source] for column in columns}
    pairs = {
        group: Pair(
            reference.get(group, Pair()).reference,
            current.get(group, Pair()).current,
        )
        for group in {*reference, *current}
        if group.release in {release.key for release in key.releases}
    }
    return [
        _alarm(causes[row.column], row)
        for row in compare(classes, pairs, alpha, columns=columns)
        if row.verdict is Verdict.DRIFT
    ]


def text_alarms(reports: Path, observation: Observation) -> list[Alarm]:
    """The alarms of the drift job's newest report about the texts of this route and language.

    After a restoration, only a report that compares what came later counts: the labels have judged the earlier change.
    """
    key = observation.newest.certificate.campaign.key
    report = _report(reports / f"drift-{key.task}-{key.route}.json")
    since, border = observation.windows
    is_restored = since != observation.newest.certificate.campaign.planned_at
    if report is None or _time(report, "since" if is_restored else "until") < border:
        return []
    return [
        Alarm(
            CertificateCause.TEXTS,
            f"{_REASONS[CertificateCause.TEXTS]} ({row['column']}, p = {row['p_adjusted']:.2g})",
            {"column": row["column"], "p_value": row["p_adjusted"]},
        )
        for row in report["comparisons"]
        if row["column"] in _TEXT_COLUMNS
        and row["group"]["language"] == key.language
        and row["verdict"] == Verdict.DRIFT.value
    ]


def _alarm(cause: CertificateCause, row: Comparison) -> Alarm:
    p_value = row.p_adjusted or 0.0
    details: dict[str, float | int | str] = {
        "column": row.column,
        "p_value": p_value,
        "reference_rows": row.reference,
        "current_rows": row.current,
    }
    return Alarm(cause, f"{_REASONS[cause]} (p = {p_value:.2g})", details)


def _report(path: Path) -> Any:  # noqa: ANN401 - JSON
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        log.warning("drift report not readable", extra={"path": str(path)})
        return None


def _time(report: Any, name: str) -> datetime:  # noqa: ANN401 - JSON
    return datetime.fromisoformat(report["windows"][name])
