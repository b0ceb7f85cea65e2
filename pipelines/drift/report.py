"""A run of the drift job as a table, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.drift.comparison import Comparison, Verdict
from pipelines.evaluate.report import with_interval
from pipelines.windows import ALL, Group, Windows
from signalbox.contracts.routes import Route

HEADER = ("column", "rows", "test", "effect", "p", "verdict")
_SHORT = {"kolmogorov_smirnov": "D", "jensen_shannon": "JS", "area_under_curve": "AUC"}


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
        if not self.comparisons:
            return (
                f"No records of users between {_day(self.windows.since)} and {_day(self.windows.until)}: nothing to "
                "compare. They come from the assessor, through SIGNALBOX_DATABASE_URL."
            )
        level = f"level {self.alpha:g} together, {self.correction}"
        sentences = [f"{self.count(Verdict.DRIFT)} of {self.tested} tests found drift ({level})."]
        if few := self.count(Verdict.TOO_FEW):
            sentences.append(f"{few} more had too few rows.")
        if wordless := self.count(Verdict.CANNOT_SAY):
            sentences.append(f"{wordless} cannot say: the texts share too few words.")
        if changed := sum(row.other_thresholds > 0 for row in self.comparisons):
            sentences.append(
                f"Thresholds changed: {changed} columns compare answers of equal thresholds only, the others are left out."
            )
        return " ".join(sentences)

    @property
    def tested(self) -> int:
        """Comparisons with a p-value."""
        return sum(row.outcome is not None for row in self.comparisons)


def cells_of(row: Comparison) -> list[str]:
    """The cells of one line."""
    cells = [row.column, _rows(row)]
    if row.outcome is None or row.p_adjusted is None:
        needed = f" (needs {row.needed[0]}/{row.needed[1]})" if row.needed else ""
        return [*cells, "", "", "", f"{row.verdict}{needed}"]
    effect = row.outcome.effect
    interval = row.outcome.interval
    value = f"{effect:.2f}" if interval is None else with_interval(effect, interval)
    power = f" (sees {row.shift_seen:.2f})" if row.shift_seen and row.verdict is Verdict.NONE_SEEN else ""
    p_value = f"{row.p_adjusted:.3f}" if row.p_adjusted >= 0.001 else f"{row.p_adjusted:.0e}"
    short = _SHORT[row.outcome.measure]
    return [*cells, row.outcome.test, f"{short} {value}", p_value, f"{row.verdict}{power}"]


def _rows(row: Comparison) -> str:
    """Rows of both sides, and the independent ones where texts are sent again."""
    effective = tuple(round(size) for size in row.effective)
    rows = f"{row.reference}/{row.current}"
    return rows if effective == (row.reference, row.current) else f"{rows} ({effective[0]}/{effective[1]})"


def show(report: Report, console: Console) -> None:
    """A table for each group, and what follows."""
    for group, rows in groupby(report.comparisons, key=lambda row: row.group):
        console.print(_title(group), markup=False, highlight=False, soft_wrap=True)
        table = Table(*HEADER, box=box.SIMPLE, pad_edge=False, collapse_padding=True)
        for row in rows:
            table.add_row(*cells_of(row))
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
        table = [HEADER, ["---"] * len(HEADER), *(cells_of(row) for row in rows)]
        lines += [f"## {_title(group)}", "", *(f"| {' | '.join(line)} |" for line in table), ""]
    return "\n".join([*lines, report.conclusion]) + "\n"


def as_dict(report: Report, rows: Sequence[Comparison]) -> dict[str, Any]:
    """For JSON: times in ISO 8601, everything else as named in the code."""
    windows = {name: moment.isoformat() for name, moment in asdict(report.windows).items()}
    settings = {"task": report.task, "alpha": report.alpha, "correction": report.correction}
    return {
        **settings,
        "windows": windows,
        "tests_corrected_for": report.tested,
        "comparisons": [asdict(r) for r in rows],
    }


def _title(group: Group) -> str:
    language = "all languages" if group.language == ALL else group.language
    return f"{language}, {group.route}, {'all releases' if group.release == ALL else group.release}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}"
