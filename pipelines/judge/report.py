"""A run of the judge as tables for a terminal."""

from __future__ import annotations

import sys
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.evaluate.report import number, with_interval
from pipelines.judge.figures import FEWEST_RESPONSES, Figures, Labels, Report
from pipelines.judge.trust import MOST_LABELS, Trust

HEADER = ("criterion", "judged", "score", "mass", "agrees", "always one", "AUC", "judge", "right")
_LOG_WIDTH = 120  # a log has no width, and 80 would squeeze the columns


def show(report: Report, console: Console | None = None) -> None:
    """A table for each language, and remarks."""
    console = console or Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
    for language, rows in groupby(report.figures, key=lambda row: row.language):
        console.print(language, markup=False, highlight=False)
        table = Table(*HEADER, box=box.SIMPLE, pad_edge=False, collapse_padding=True)
        for row in rows:
            table.add_row(*cells_of(row), style=None if is_trusted(row) else "dim")
        console.print(table)
    for line in remarks(report):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def is_trusted(row: Figures) -> bool:
    """Whether the judge's figures may be used as they are; all others are dimmed and marked."""
    return row.gate is not None and row.gate.trust is Trust.TRUSTED


def cells_of(row: Figures) -> list[str]:
    """The cells of one line."""
    agrees, right = "", ""
    if row.agreement is not None and row.agreement_interval is not None:
        agrees = with_interval(row.agreement, row.agreement_interval)
    if (estimate := row.estimate) is not None:
        right = f"{with_interval(estimate.value, (estimate.low, estimate.high))} {estimate.method}"
    answers = f"{row.judged}/{row.judged + row.no_verdict}"
    shares = [number(row.score), number(row.verdict_mass)]
    return [
        row.criterion,
        answers,
        *shares,
        agrees,
        number(row.baseline),
        number(row.auc),
        _gate(row),
        right,
    ]


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
    for language, labels in report.labels.items():
        lines += [f"{language}: {line}" for line in labels_in_words(labels)]
    if any(row.gate is not None and row.gate.voluntary for row in report.figures):
        lines.append("The judge is checked on voluntary labels, which are no random sample of the answers.")
    if not all(is_trusted(row) for row in report.figures):
        lines.append("Figures of a judge that is not trusted are dimmed; do not use them as a measure.")
    if not any(row.labels for row in report.figures):
        lines.append("No answer has ground truth: the judge is unchecked.")
    return lines


def labels_in_words(labels: Labels) -> list[str]:
    """How many labels there are, and what they say. Only labels that were asked for support an estimate."""
    lines = []
    if labels.voluntary and labels.voluntary_right is not None:
        lines.append(
            f"{labels.voluntary} voluntary labels ({_percent(labels.voluntary_response)} of the answers that nobody asked "
            f"for): share of right answers among these {labels.voluntary_right:.3f}, no estimate of all answers."
        )
    if labels.response is not None:
        lines.append(
            f"{labels.responses} of {labels.asked} labels that were asked for ({_percent(labels.response)})."
        )
        if labels.response < FEWEST_RESPONSES:
            lines.append(f"No estimate: it needs {FEWEST_RESPONSES:.0%} of the labels that were asked for.")
        if labels.coverable < labels.answers:
            lines.append(
                f"The estimate is about the {labels.coverable} of {labels.answers} answers that could be asked for."
            )
    return lines


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}" if share >= 0.095 else f"{share:.1%}"


def _gate(row: Figures) -> str:
    """The trust in the judge, and the labels that would decide."""
    if row.gate is None:
        return "unchecked"
    mark = " (voluntary labels)" if row.gate.voluntary else ""
    if row.gate.trust is not Trust.INCONCLUSIVE:
        return f"{row.gate.trust}{mark}"
    needed = row.gate.labels_needed
    more = f"more than {MOST_LABELS}" if needed is None else f"about {needed}"
    return f"{row.gate.trust}, {more} labels would decide{mark}"
