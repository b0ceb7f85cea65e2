"""The report as one HTML page, from a Jinja template: drawings are SVG in it, colors are those of the reader's scheme."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines.compare.bill import Bill, Flip, Loss, bills, loss_of
from pipelines.compare.comparison import Comparison, Entry, Outcome
from pipelines.compare.report.curves import Curve, curves_of, load_curve
from pipelines.compare.report.drawings import WIDTH, Intervals, Scatter, intervals, scatter
from pipelines.compare.sentences import name_of, points
from pipelines.compare.table import QUALITY, notes, quality, resources
from pipelines.evaluate.report import with_interval
from pipelines.statistics import Interval

_FOLDER = Path(__file__).parent
SHOWN_FLIPS = 12  # of two models on one cell
_MILLISECONDS = 1000


@dataclass(frozen=True)
class Plot:
    """A Pareto plot with what its axis is; `legend` has number, name and value."""

    title: str
    axis: str
    drawing: Scatter
    legend: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True)
class Changes:
    """The flips of two models on a cell; `left_out` are those that are not shown."""

    title: str
    summary: str
    flips: tuple[Flip, ...]
    left_out: int


@dataclass(frozen=True)
class Section:
    """All of one tier and language."""

    title: str
    anchor: str
    text: str
    intervals: Intervals
    table: tuple[list[str], ...]
    plots: tuple[Plot, ...]
    changes: tuple[Changes, ...]


def page(comparison: Comparison, *, texts: bool = True) -> str:
    """The HTML of the report; without `texts`, no text of the data is in it."""
    return (
        _environment()
        .get_template("page.html")
        .render(
            comparison=comparison,
            width=WIDTH,
            style=Markup((_FOLDER / "style.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
            sections=[_section(comparison, outcome, texts=texts) for outcome in comparison.outcomes],
            quality=QUALITY,
            resources=resources(comparison),
            notes=notes(comparison),
            curves=_curves(comparison),
            bills=[_bill_rows(bill) for bill in bills(comparison)],
            bill_changes=_bill_changes(comparison, texts=texts),
            releases=[(name_of(one.name), one.release.key) for one in comparison.entries if one.release],
        )
    )


def _curves(comparison: Comparison) -> list[Curve]:
    saved = load_curve(comparison.release_folder) if comparison.release_folder else None
    return curves_of(saved, [outcome.cell.stratum for outcome in comparison.outcomes])


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"points": points, "zip": lambda first, second: zip(first, second, strict=True)}
    return environment


def _section(comparison: Comparison, outcome: Outcome, *, texts: bool) -> Section:
    cell = outcome.cell
    return Section(
        cell.title,
        cell.name.replace(".", "-"),
        outcome.text,
        _intervals(comparison, outcome),
        tuple(quality(comparison, outcome)),
        tuple(plot for axis in _AXES if (plot := _plot(comparison, outcome, *axis))),
        _changes(comparison, outcome, texts=texts),
    )


def _intervals(comparison: Comparison, outcome: Outcome) -> Intervals:
    rows = []
    for finding in sorted(outcome.conclusion.findings, key=lambda one: -one.accuracy):
        score = comparison.entry(finding.name).scores[outcome.cell.name]
        text = with_interval(score.accuracy, score.interval)
        emphasis = finding.name == outcome.conclusion.model
        rows.append((name_of(finding.name), text, score.accuracy, score.interval, emphasis))
    return intervals(rows, outcome.conclusion.finding("majority").accuracy)


# Title, unit, what the unit is of, and the value of an entry; None: not known.
_AXES: Sequence[tuple[str, str, str, Callable[[Entry], float | None]]] = (
    (
        "time of an answer",
        "ms",
        "ms, median",
        lambda e: e.seconds[0.5] * _MILLISECONDS if e.seconds else None,
    ),
    ("memory", "MiB", "MiB", lambda e: e.memory_bytes / 2**20 if e.memory_bytes else None),
    ("energy", "Wh", "Wh for 1,000 answers", lambda e: e.energy.wh_per_1k if e.energy else None),
)


def _plot(
    comparison: Comparison,
    outcome: Outcome,
    title: str,
    unit: str,
    axis: str,
    value_of: Callable[[Entry], float | None],
) -> Plot | None:
    """Accuracy over a resource, of the entries whose value is known; None for fewer than two."""
    rows: list[tuple[int, float, float, Interval]] = []
    legend: list[tuple[int, str, str]] = []
    for entry in comparison.entries:
        score, value = entry.scores.get(outcome.cell.name), value_of(entry)
        if score is None or not value or entry.name == "majority":
            continue
        number = len(rows) + 1
        rows.append((number, value, score.accuracy, score.interval))
        legend.append(
            (
                number,
                name_of(entry.name),
                f"{score.accuracy:.2f} at {value:.3g} {unit.split(',', maxsplit=1)[0]}",
            )
        )
    return Plot(title, axis, scatter(rows), tuple(legend)) if len(rows) > 1 else None


def _changes(comparison: Comparison, outcome: Outcome, *, texts: bool) -> tuple[Changes, ...]:
    """The flips between the best model and each other one on a cell."""
    cell = outcome.cell
    models = [
        one
        for one in comparison.entries
        if cell.name in one.scores and one.name not in {"majority", "length"}
    ]
    best = max(models, key=lambda one: one.scores[cell.name].accuracy)
    losses = [(other, loss_of(cell, best, other, comparison.margin)) for other in models if other is not best]
    return tuple(
        _change(f"{name_of(best.name)} → {name_of(other.name)}", loss, texts=texts)
        for other, loss in losses
        if loss.flips
    )


def _change(title: str, loss: Loss, *, texts: bool) -> Changes:
    gained, lost = sum(flip.gained for flip in loss.flips), sum(flip.lost for flip in loss.flips)
    summary = f"{len(loss.flips)} of {len(loss.cell.test)} verdicts differ: {lost} lost, {gained} gained"
    visible = loss.flips[:SHOWN_FLIPS] if texts else ()
    return Changes(title, summary, visible, len(loss.flips) - len(visible))


def _bill_rows(bill: Bill) -> dict[str, object]:
    """A bill for the template: the models, the bytes, and a row a cell."""
    rows = [
        (
            loss.cell.title,
            f"{len(loss.flips)} of {len(loss.cell.test)}",
            f"{points(loss.difference)} ({points(loss.interval[0])} to {points(loss.interval[1])})",
            points(loss.upper),
            loss.status.value
            if loss.rows_more is None
            else f"{loss.status.value}: {loss.rows_more} more rows",
        )
        for loss in bill.losses
    ]
    return {
        "larger": bill.larger,
        "smaller": bill.smaller,
        "saved": f"{bill.bytes_saved / 2**20:.0f}",
        "rows": rows,
    }


def _bill_changes(comparison: Comparison, *, texts: bool) -> list[Changes]:
    return [
        _change(f"{bill.larger} → {bill.smaller}, {loss.cell.title}", loss, texts=texts)
        for bill in bills(comparison)
        for loss in bill.losses
        if loss.flips
    ]
