"""What the drift job found: as a table, as JSON, for Prometheus and for MLflow."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any

import mlflow
from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.evaluate.report import with_interval
from pipelines.sinks import mlflow_runs, textfile
from pipelines.statistics.two_sample import Outcome
from pipelines.windows import ALL, Group, Windows
from signalbox.contracts import metrics as names
from signalbox.contracts.record import Route
from signalbox.files import write_whole
from signalbox.settings import Settings

HEADER = ("column", "rows", "test", "effect", "p", "verdict")
_SHORT = {"kolmogorov_smirnov": "D", "jensen_shannon": "JS", "area_under_curve": "AUC"}
_NOT_IN_A_METRIC = re.compile(r"[^A-Za-z0-9_.\-]")  # a slash would have to make a clean path


class Verdict(StrEnum):
    """What a comparison says. Rows too few for a verdict never give one."""

    DRIFT = "drift"
    NONE_SEEN = "no drift seen"
    TOO_FEW = "too few to say"


@dataclass(frozen=True)
class Comparison:
    """One column of one group. Sizes count values; `needed` are sizes of both sides, where these are too few.

    `shift_seen`: the smallest share of moved rows that the test sees with a power of 0.8; None where no formula tells.
    """

    group: Group
    column: str
    reference: int
    current: int
    verdict: Verdict
    outcome: Outcome | None = None
    p_adjusted: float | None = None
    shift_seen: float | None = None
    needed: tuple[int, int] | None = None

    def decided(self, p_adjusted: float, alpha: float) -> Comparison:
        """With its verdict, from the p-value after correction."""
        verdict = Verdict.DRIFT if p_adjusted <= alpha else Verdict.NONE_SEEN
        return replace(self, p_adjusted=p_adjusted, verdict=verdict)


@dataclass(frozen=True)
class Report:
    """A run of the job."""

    task: str
    routes: tuple[Route, ...]
    windows: Windows
    alpha: float
    correction: str
    comparisons: tuple[Comparison, ...]

    def of(self, route: Route) -> list[Comparison]:
        """The comparisons of a route."""
        return [row for row in self.comparisons if row.group.route == route]

    def count(self, verdict: Verdict) -> int:
        """Comparisons with a verdict."""
        return sum(row.verdict is verdict for row in self.comparisons)

    @property
    def conclusion(self) -> str:
        """One sentence, or two."""
        if not self.comparisons:
            return (
                f"No records of users between {_day(self.windows.since)} and {_day(self.windows.until)}: nothing to "
                "compare. They come from the assessor, through SIGNALBOX_DATABASE_URL."
            )
        tested = len(self.comparisons) - self.count(Verdict.TOO_FEW)
        said = f"{self.count(Verdict.DRIFT)} of {tested} tests found drift (level {self.alpha:g} together, {self.correction})."
        few = self.count(Verdict.TOO_FEW)
        return f"{said} {few} more had too few rows to say." if few else said


def rendered(row: Comparison) -> list[str]:
    """The cells of one line."""
    cells = [row.column, f"{row.reference}/{row.current}"]
    if row.outcome is None or row.p_adjusted is None:
        needed = f" (needs {row.needed[0]}/{row.needed[1]})" if row.needed else ""
        return [*cells, "", "", "", f"{row.verdict}{needed}"]
    effect = row.outcome.effect
    shown = f"{effect:.2f}" if row.outcome.interval is None else with_interval(effect, row.outcome.interval)
    seen = f" (sees {row.shift_seen:.2f})" if row.shift_seen and row.verdict is Verdict.NONE_SEEN else ""
    p_value = f"{row.p_adjusted:.3f}" if row.p_adjusted >= 0.001 else f"{row.p_adjusted:.0e}"
    short = _SHORT[row.outcome.measure]
    return [*cells, row.outcome.test, f"{short} {shown}", p_value, f"{row.verdict}{seen}"]


def show(report: Report, console: Console) -> None:
    """A table for each group, and what follows."""
    for group, rows in groupby(report.comparisons, key=lambda row: row.group):
        console.print(_title(group), markup=False, highlight=False, soft_wrap=True)
        table = Table(*HEADER, box=box.SIMPLE, pad_edge=False, collapse_padding=True)
        for row in rows:
            table.add_row(*rendered(row))
        console.print(table)
    console.print(report.conclusion, highlight=False, soft_wrap=True)


def markdown(report: Report) -> str:
    """The same for a file."""
    since, border, until = (
        _day(t) for t in (report.windows.since, report.windows.border, report.windows.until)
    )
    lines = [
        f"# {report.task}: drift",
        "",
        f"Reference {since} to {border}, current {border} to {until}.",
        "",
    ]
    for group, rows in groupby(report.comparisons, key=lambda row: row.group):
        table = [HEADER, ["---"] * len(HEADER), *(rendered(row) for row in rows)]
        lines += [f"## {_title(group)}", "", *(f"| {' | '.join(line)} |" for line in table), ""]
    return "\n".join([*lines, report.conclusion]) + "\n"


def as_dict(report: Report, rows: Sequence[Comparison]) -> dict[str, Any]:
    """For JSON: times in ISO 8601, everything else as named in the code."""
    windows = {name: moment.isoformat() for name, moment in asdict(report.windows).items()}
    settings = {"task": report.task, "alpha": report.alpha, "correction": report.correction}
    tested = len(report.comparisons) - report.count(Verdict.TOO_FEW)
    return {
        **settings,
        "windows": windows,
        "tests_corrected_for": tested,
        "comparisons": [asdict(r) for r in rows],
    }


def publish(settings: Settings, report: Report, *, log_run: bool = True) -> None:
    """A JSON file a route, an MLflow run, and last, because it says that all went well, a textfile a route."""
    folder = settings.state_dir / "reports"
    for route in report.routes:
        path = folder / f"drift-{report.task}-{route}.json"
        text = json.dumps(as_dict(report, report.of(route)), indent=2, allow_nan=False)
        write_whole(path, text + "\n")
    if log_run:
        with mlflow_runs.run(settings, report.task, "drift", "drift"):
            _log(report)
    for route in report.routes:
        write_metrics(settings.state_dir / "metrics", report, route)


def write_metrics(folder: Path, report: Report, route: Route) -> Path:
    """Write `drift-TASK-ROUTE.prom`; too few rows give row counts and no verdict."""
    values: textfile.Values = []
    for row in report.of(route):
        where = (report.task, row.group.language, route, row.group.release, row.column)
        values += [
            (names.DRIFT_ROWS, (*where, "reference"), float(row.reference)),
            (names.DRIFT_ROWS, (*where, "current"), float(row.current)),
        ]
        if row.outcome is not None:
            values += [
                (names.DRIFT_DETECTED, where, float(row.verdict is Verdict.DRIFT)),
                (names.DRIFT_P_VALUE, where, row.p_adjusted),
                (names.DRIFT_EFFECT, (*where, row.outcome.measure), row.outcome.effect),
            ]
    job = f"drift-{report.task}-{route}"
    values.append(textfile.succeeded(job))
    return textfile.write_values(folder / f"{job}.prom", values)


def _log(report: Report) -> None:
    windows = {name: moment.isoformat() for name, moment in asdict(report.windows).items()}
    mlflow.log_params({**windows, "alpha": report.alpha, "correction": report.correction})
    mlflow.log_metrics({verdict.name.lower(): report.count(verdict) for verdict in Verdict})
    for row in report.comparisons:
        if row.outcome is not None and row.p_adjusted is not None:
            where = f"{row.column}.{row.group.language}.{row.group.route}.{row.group.release}"
            where = _NOT_IN_A_METRIC.sub("_", where)[:200]
            mlflow.log_metrics({f"p.{where}": row.p_adjusted, f"effect.{where}": row.outcome.effect})
    mlflow.log_text(markdown(report), "drift.md")
    mlflow.log_dict(as_dict(report, report.comparisons), "drift.json")


def _title(group: Group) -> str:
    return f"{group.language}, {group.route}, {'all releases' if group.release == ALL else group.release}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}"
