"""A comparison as tables: for a terminal and for a Markdown file."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.compare.comparison import Comparison, Entry, Outcome
from pipelines.compare.conclusion import Finding, Status
from pipelines.compare.sentences import name_of, points
from pipelines.evaluate.report import with_interval

QUALITY = ("model", "accuracy", "loss", "at most", "conclusion")
UNKNOWN = "–"


def quality(comparison: Comparison, outcome: Outcome) -> list[list[str]]:
    """Rows of the table QUALITY of one cell, the best model first.

    The loss is to the rival that is hardest to equal, in points; *at most* is the bound of the loss to the best one.
    """
    findings = sorted(outcome.conclusion.findings, key=lambda one: -one.accuracy)
    return [_quality(comparison.entry(one.name), outcome, one) for one in findings]


def resources(comparison: Comparison) -> list[list[str]]:
    """Header and rows: time, memory, size, energy and cost of the models, smallest first. Columns without a value are left out."""
    price = comparison.method.price_per_hour
    header = [
        "model",
        "p50 ms",
        "p95 ms",
        "size MiB",
        "memory MiB",
        "Wh / 1,000",
        f"{comparison.method.currency or 'cost'} / 1,000",
    ]
    rows = []
    for entry in comparison.entries:
        by_quantile = entry.seconds
        times = [f"{by_quantile[q] * 1000:.1f}" if q in by_quantile else UNKNOWN for q in (0.5, 0.95)]
        cost = entry.cost_per_1k(price)
        rows.append(
            [
                name_of(entry.name),
                *times,
                mebibytes(entry.size_bytes),
                mebibytes(entry.memory_bytes),
                UNKNOWN if entry.energy is None else f"{entry.energy.wh_per_1k:.2g}",
                UNKNOWN if cost is None else f"{cost:.3g}",
            ]
        )
    places = [
        place for place in range(len(header)) if place < 3 or any(row[place] != UNKNOWN for row in rows)
    ]
    return [[line[place] for place in places] for line in (header, *rows)]


def notes(comparison: Comparison) -> list[str]:
    """What a reader must know: skipped models, answers without a verdict, what is not measured."""
    lines = [f"{name} was skipped: {cause}" for name, cause in comparison.skipped.items()]
    for outcome in comparison.outcomes:
        for entry in comparison.entries:
            if (score := entry.scores.get(outcome.cell.name)) and entry.name != "majority":
                lines += [f"{name_of(entry.name)}, {outcome.cell.title}: {note}" for note in score.notes]
    sources = {entry.energy.source for entry in comparison.entries if entry.energy}
    lines.append(
        f"Energy: {', '.join(sorted(sources))}."
        if sources
        else "Energy: not measured (no readable RAPL, no DCGM)."
    )
    if comparison.method.price_per_hour is None:
        lines.append("Cost: left out, because no price was given (--price-per-hour).")
    return lines


def markdown(comparison: Comparison) -> str:
    """All tables and sentences for a file."""
    parts = [f"# {comparison.task}: comparison of models\n"]
    for outcome in comparison.outcomes:
        parts.append(f"## {outcome.cell.title}\n\n{outcome.text}\n")
        parts.append(_pipes([list(QUALITY), *quality(comparison, outcome)]))
    parts.append("## Resources\n")
    parts.append(_pipes(resources(comparison)))
    parts.append("\n".join(f"- {line}" for line in notes(comparison)) + "\n")
    return "\n".join(parts)


def show(comparison: Comparison, console: Console) -> None:
    """All tables and sentences for a terminal of 80 columns."""
    for outcome in comparison.outcomes:
        title = f"{comparison.task}, {outcome.cell.title}: {outcome.conclusion.rows} test rows, accuracy with 95 % interval"
        _print(console, title, list(QUALITY), quality(comparison, outcome))
        console.print(outcome.text, markup=False, highlight=False)
        console.print()
    header, *rows = resources(comparison)
    _print(console, "Resources", header, rows)
    for line in notes(comparison):
        console.print(f"note: {line}", markup=False, highlight=False)


def mebibytes(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value / 2**20:.0f}"


def status_text(finding: Finding) -> str:
    """The status of a finding, with the rows that are missing."""
    if finding.status is Status.MAJORITY:
        return "baseline"
    if finding.status is Status.UNDECIDED:
        return f"not shown: {finding.rows_more} more rows" if finding.rows_more else "not shown"
    return _SHORT.get(finding.status, finding.status.value)


_SHORT = {
    Status.NOT_BETTER: "not better than majority",
    Status.WORSE: "loses more than margin",
    Status.BLOCKED: "not tested",
}


def _quality(entry: Entry, outcome: Outcome, finding: Finding) -> list[str]:
    score = entry.scores[outcome.cell.name]
    accuracy = with_interval(score.accuracy, score.interval)
    if finding.status is Status.MAJORITY:
        return [name_of(entry.name), accuracy, "", "", status_text(finding)]
    return [name_of(entry.name), accuracy, points(finding.loss), points(finding.upper), status_text(finding)]


def _pipes(lines: Sequence[Sequence[str]]) -> str:
    header, *rows = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows)) + "\n"


def _print(console: Console, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    # Without borders, so that no interval is cut at 80 columns.
    table = Table(*header, title=title, box=box.SIMPLE, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)
