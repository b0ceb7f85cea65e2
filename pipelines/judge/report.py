"""A run of the judge as tables for a terminal."""

from __future__ import annotations

import sys
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.evaluate.report import with_interval
from pipelines.judge.figures import Figures, Report

HEADER = ("criterion", "judged", "score", "mass", "agrees", "always one", "AUC", "right")
_LOG_WIDTH = 120  # a log has no width, and 80 would squeeze the columns


def show(report: Report, console: Console | None = None) -> None:
    """A table for each language, and remarks."""
    console = console or Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
    for language, rows in groupby(report.figures, key=lambda row: row.language):
        console.print(language, markup=False, highlight=False)
        table = Table(*HEADER, box=box.SIMPLE, pad_edge=False, collapse_padding=True)
        for row in rows:
            table.add_row(*cells_of(row))
        console.print(table)
    for line in remarks(report):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def cells_of(row: Figures) -> list[str]:
    """The cells of one line."""
    agrees, right = "", ""
    if row.agreement is not None and row.agreement_interval is not None:
        agrees = with_interval(row.agreement, row.agreement_interval)
    if (estimate := row.estimate) is not None:
        right = f"{with_interval(estimate.value, (estimate.low, estimate.high))} {estimate.method}"
    answers = f"{row.judged}/{row.judged + row.no_verdict}"
    shares = [_number(row.score), _number(row.verdict_mass)]
    return [row.criterion, answers, *shares, agrees, _number(row.baseline), _number(row.auc), right]


def remarks(report: Report) -> list[str]:
    """Limits of the figures that a reader must know."""
    options, left_out = report.plan.options, report.plan.left_out
    lines = [
        f"{report.rows} answers of {options.task}, {options.route}, {report.plan.since:%Y-%m-%d %H:%M} to "
        f"{report.plan.until:%Y-%m-%d %H:%M} UTC, judged by {options.judge}."
    ]
    lines += [f"Left out: {count} {reason}." for reason, count in sorted(left_out.items()) if count]
    if report.deleted:
        lines.append(f"Left out: {report.deleted} deleted since the run began.")
    if report.failed:
        lines.append(f"{report.failed} answers got no reply from the judge; they count as no verdict.")
    if report.own_answers:
        lines.append(f"{report.own_answers} of the answers are the judge's own: models favor their own text.")
    if report.weighted_labels:
        lines.append(
            "Ground truth was collected with different probabilities: no share of right answers is estimated."
        )
    if not any(row.labels for row in report.figures):
        lines.append("No answer has ground truth: the judge is unchecked.")
    return lines


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
