"""The encoder's figures before and after it learned from new labels, as a table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from pipelines.evaluate.evaluation import Evaluation
from pipelines.evaluate.summary import Summary

HEADER = ("test rows", "before", "after", "change", "AUC before", "AUC after")


def show(before: Evaluation, after: Evaluation, labels: int, console: Console) -> None:
    """One row per tier and language: accuracy with its 95 % interval, and AUC."""
    table = Table(*HEADER, title=f"Accuracy of the encoder before and after {labels} more labels")
    for stratum, old in before.summaries.items():
        new = after.summaries[stratum]
        change = f"{new.accuracy - old.accuracy:+.2f}"
        table.add_row(stratum.title, _accuracy(old), _accuracy(new), change, _area(old), _area(new))
    console.print(table)


def _accuracy(summary: Summary) -> str:
    if summary.interval is None:
        return f"{summary.accuracy:.2f}"
    low, high = summary.interval
    return f"{summary.accuracy:.2f} ({low:.2f}-{high:.2f})"


def _area(summary: Summary) -> str:
    return "" if summary.auc is None else f"{summary.auc:.2f}"
