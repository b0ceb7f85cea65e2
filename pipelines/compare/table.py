"""A comparison as a table, for a terminal and for a file."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.compare.comparison import Comparison, Entry
from pipelines.evaluate.report import with_interval
from pipelines.statistics import accuracy_interval, quantiles

_QUALITY = ("balanced accuracy", "macro F1")


def cells_of(comparison: Comparison) -> list[list[str]]:
    """Header and rows as text."""
    header = ["model", *(f"accuracy {language}" for language in comparison.languages)]
    header += [*_QUALITY, "p50 ms", "p95 ms", "memory MiB", "size MiB"]
    lines = [header]
    for entry in comparison.entries:
        by_quantile = quantiles(entry.latencies_seconds)
        cells = [entry.name, *(_accuracy(comparison, entry, language) for language in comparison.languages)]
        cells += [_number(entry.balanced_accuracy), _number(entry.macro_f1)]
        cells += [f"{by_quantile[0.5] * 1000:.1f}", f"{by_quantile[0.95] * 1000:.1f}"]
        cells += [_mebibytes(entry.memory_bytes), _mebibytes(entry.size_bytes)]
        lines.append(cells)
    return lines


def markdown(comparison: Comparison) -> str:
    """The table for a file."""
    header, *lines = cells_of(comparison)
    table = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in table) + f"\n\n{comparison.conclusion}\n"


def show(comparison: Comparison, console: Console) -> None:
    """The table for a terminal, in two parts: all columns are wider than 80 characters."""
    header, *lines = cells_of(comparison)
    quality = [place for place, name in enumerate(header) if name in _QUALITY]
    rest = [place for place in range(len(header)) if place not in quality]
    title = f"{comparison.task}: {len(comparison.row_languages)} test rows, accuracy with 95 % interval"
    for places, heading in ((rest, title), ([0, *quality], "all languages together")):
        # Without borders, so that no interval is cut at 80 columns.
        table = Table(*(header[place] for place in places), title=heading, box=box.SIMPLE, pad_edge=False)
        for line in lines:
            table.add_row(*(line[place] for place in places))
        console.print(table)
    console.print(comparison.conclusion)


def _accuracy(comparison: Comparison, entry: Entry, language: str) -> str:
    here = [r for r, own in zip(entry.right, comparison.row_languages, strict=True) if own == language]
    return with_interval(sum(here) / len(here), accuracy_interval(sum(here), len(here)))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _mebibytes(value: int | None) -> str:
    return "" if value is None else f"{value / 2**20:.0f}"
