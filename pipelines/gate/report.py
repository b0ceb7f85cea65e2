"""The result of the gate for a terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.compare.sentences import points
from pipelines.gate.job import Gate


def show(result: Gate, console: Console) -> None:
    """A row per tier and language, then the decision."""
    table = Table("rows of", "n", "loss", "at most", "flips", "conclusion", box=box.SIMPLE, pad_edge=False)
    for loss in result.losses:
        numbers = (
            str(len(loss.cell.test)),
            points(loss.difference),
            points(loss.upper),
            str(len(loss.flips)),
        )
        table.add_row(loss.cell.title, *numbers, loss.status.value)
    console.print(table)
    if result.missing_rows:
        console.print(
            f"note: {result.missing_rows} test rows are new since the baseline and were left out.",
            highlight=False,
        )
    console.print(result.verdict.text, markup=False, highlight=False)
