"""Thresholds for a terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from signalbox.tasks import Task
from signalbox.thresholds import ThresholdFile, Thresholds

HEADER = ("language", "verdict", "confident", "unclear")


def show(task: Task, file: ThresholdFile, console: Console) -> None:
    """The cut-offs by language and verdict, and what they are on."""
    for language, thresholds in file.languages.items():
        console.print(
            f"{language}: {_cut_on(thresholds)}, {thresholds.rows} rows", markup=False, highlight=False
        )
    table = Table(*HEADER, box=box.SIMPLE, pad_edge=False)
    for language, thresholds in file.languages.items():
        for verdict, cuts in thresholds.verdicts.items():
            confident = "nowhere" if cuts.confident is None else f"{cuts.confident:.3f}"
            table.add_row(language, escape(task.word(verdict, language)), confident, f"{cuts.unclear:.3f}")
    console.print(table)


def _cut_on(thresholds: Thresholds) -> str:
    if thresholds.decision is not None:
        return f"decision at p({thresholds.positive}) = {thresholds.decision:.3f}"
    if thresholds.calibration is None:
        return "cut-offs on the margin"
    low, high = (thresholds.calibration.share_right(margin) for margin in (0.0, 1.0))
    return f"cut-offs on the margin, score {low:.2f} at margin 0 to {high:.2f} at margin 1"
