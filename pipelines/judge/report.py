"""What the judge found, checked against people: figures, a table, metrics for Prometheus, a run in MLflow."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import mlflow
from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.evaluate.report import with_interval
from pipelines.evaluate.summary import ALL
from pipelines.judge.client import Score
from pipelines.judge.criteria import Criterion
from pipelines.judge.run import DELETED, Plan, Row, RunFolder
from pipelines.sinks import mlflow_runs, textfile
from pipelines.statistics.ppi import Estimate, share_right
from pipelines.statistics.proportions import Interval, accuracy_interval, area_under_curve
from signalbox.contracts import metrics as names
from signalbox.settings import Settings

HEADER = ("criterion", "judged", "score", "mass", "agrees", "always one", "AUC", "right")
_LOG_WIDTH = 120  # a log has no width of its own, and 80 would squeeze the columns out


@dataclass(frozen=True)
class Figures:
    """One criterion in one language, or in all. Shares are of the answers that got a verdict.

    `score` is the judge alone, over the answers drawn at random. `agreement` is with people's ground truth, `baseline`
    what a judge would reach that always says the more frequent thing. `estimate` is the share of right answers.
    """

    language: str
    criterion: str
    judged: int
    no_verdict: int
    score: float | None
    verdict_mass: float | None
    labels: int = 0
    agreement: float | None = None
    agreement_interval: Interval | None = None
    baseline: float | None = None
    auc: float | None = None
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Report:
    """A finished run. `own_answers`: those that the judge itself had given."""

    run: str
    plan: Plan
    rows: int
    failed: int
    deleted: int
    own_answers: int
    weighted_labels: bool
    figures: tuple[Figures, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the ids of the answers are in the plan."""
        said = asdict(self)
        said["plan"] = self.plan.model_dump(mode="json", exclude={"chosen"})
        return said


def report(run: str, plan: Plan, rows: Sequence[Row], criteria: Sequence[Criterion]) -> Report:
    """The figures of all rows. Pure."""
    deleted = sum(row.error == DELETED for row in rows)
    rows = [row for row in rows if row.error != DELETED]
    # An estimate from labels that were asked for with different chances needs weights, which are not there yet.
    weighted = len({row.propensity for row in rows if row.label is not None}) > 1
    languages = (*sorted({row.language for row in rows}), ALL)
    figures = tuple(
        figures_of(language, criterion, here, estimated=not weighted)
        for language in languages
        for criterion in criteria
        if (here := _asked(rows, language, criterion))
    )
    failed = sum(row.error is not None for row in rows)
    own = sum(row.own_answer for row in rows)
    return Report(run, plan, len(rows), failed, deleted, own, weighted, figures)


def figures_of(
    language: str, criterion: Criterion, rows: Sequence[Row], *, estimated: bool = True
) -> Figures:
    """One criterion over the rows that were asked it. Pure."""
    given = _scored(rows, criterion)
    masses = [score.verdict_mass for _, score, _ in given if score.verdict_mass is not None]
    alone = [p for row, _, p in given if row.sampled]
    none = len(rows) - len(given)
    found = Figures(language, criterion.name, len(given), none, _mean(alone), _mean(masses))
    labelled = [(row.right, p) for row, _, p in given if row.right is not None]
    if not criterion.checked or not labelled:
        return found
    right, p_yes = [truth for truth, _ in labelled], [p for _, p in labelled]
    agrees = sum((p >= 0.5) is truth for truth, p in labelled)
    others = [p for row, _, p in given if row.right is None and row.sampled]
    return replace(
        found,
        labels=len(right),
        agreement=agrees / len(right),
        agreement_interval=accuracy_interval(agrees, len(right)),
        baseline=max(sum(right), len(right) - sum(right)) / len(right),
        auc=area_under_curve(p_yes, right),
        estimate=share_right(right, p_yes, others) if estimated and not criterion.needs_label else None,
    )


def show(found: Report, console: Console | None = None) -> None:
    """A table for each language, and what it does not cover."""
    console = console or Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
    for language, rows in groupby(found.figures, key=lambda row: row.language):
        console.print(language, markup=False, highlight=False)
        table = Table(*HEADER, box=box.SIMPLE, pad_edge=False, collapse_padding=True)
        for row in rows:
            table.add_row(*rendered(row))
        console.print(table)
    for line in remarks(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def rendered(row: Figures) -> list[str]:
    """The cells of one line."""
    agrees, right = "", ""
    if row.agreement is not None and row.agreement_interval is not None:
        agrees = with_interval(row.agreement, row.agreement_interval)
    if (estimate := row.estimate) is not None:
        right = f"{with_interval(estimate.value, (estimate.low, estimate.high))} {estimate.method}"
    judged = f"{row.judged}/{row.judged + row.no_verdict}"
    shares = [_shown(row.score), _shown(row.verdict_mass)]
    return [row.criterion, judged, *shares, agrees, _shown(row.baseline), _shown(row.auc), right]


def remarks(found: Report) -> list[str]:
    """What a reader must know beside the figures."""
    options, left_out = found.plan.options, found.plan.left_out
    lines = [
        f"{found.rows} answers of {options.task}, {options.route}, {found.plan.since:%Y-%m-%d %H:%M} to "
        f"{found.plan.until:%Y-%m-%d %H:%M} UTC, judged by {options.judge}."
    ]
    lines += [f"Left out: {count} {reason}." for reason, count in sorted(left_out.items()) if count]
    if found.deleted:
        lines.append(f"Left out: {found.deleted} deleted since the run began.")
    if found.failed:
        lines.append(f"{found.failed} answers got no reply from the judge; they count as no verdict.")
    if found.own_answers:
        lines.append(
            f"{found.own_answers} of the answers are the judge's own: models favour what they wrote."
        )
    if found.weighted_labels:
        lines.append(
            "Ground truth was asked for with different chances: no share of right answers is estimated."
        )
    if not any(row.labels for row in found.figures):
        lines.append("No answer has ground truth: nothing says whether this judge is right.")
    return lines


def publish(settings: Settings, folder: RunFolder, found: Report, *, log_run: bool) -> None:
    """The summary, an MLflow run, and last, because it says that all went well, the textfile. Under the lock."""
    folder.save_summary(found.as_dict())
    if log_run:
        options = found.plan.options
        with mlflow_runs.run(settings, options.task, "judge", f"judge {options.route}"):
            _log(found)
    write_metrics(settings.state_dir / "metrics", found)
    folder.mark_published()


def write_metrics(folder: Path, found: Report) -> Path:
    """Write `judge-TASK-ROUTE.prom`: what no other file holds, for the route is a label of every series."""
    options = found.plan.options
    values: textfile.Values = []
    for row in found.figures:
        where = (options.task, row.language, options.route, options.judge, row.criterion)
        low, high = row.agreement_interval or (None, None)
        values += [
            (names.JUDGE_SCORE, where, row.score),
            (names.JUDGE_VERDICT_MASS, where, row.verdict_mass),
            (names.JUDGE_ANSWERS, (*where, "judged"), float(row.judged)),
            (names.JUDGE_ANSWERS, (*where, "no_verdict"), float(row.no_verdict)),
            (names.JUDGE_LABELS, where, float(row.labels)),
            (names.JUDGE_AGREEMENT, where, row.agreement),
            (names.JUDGE_AGREEMENT_BOUND, (*where, "low"), low),
            (names.JUDGE_AGREEMENT_BOUND, (*where, "high"), high),
            (names.JUDGE_AGREEMENT_BASELINE, where, row.baseline),
        ]
        if row.estimate is not None:
            of = (*where, row.estimate.method)
            values.append((names.JUDGE_ESTIMATE, of, row.estimate.value))
            values.append((names.JUDGE_ESTIMATE_BOUND, (*of, "low"), row.estimate.low))
            values.append((names.JUDGE_ESTIMATE_BOUND, (*of, "high"), row.estimate.high))
    job = f"judge-{options.task}-{options.route}"
    values.append(textfile.succeeded(job))
    return textfile.write_values(folder / f"{job}.prom", values)


def _log(found: Report) -> None:
    options = found.plan.options.model_dump(mode="json")
    mlflow.log_params({**options, "run": found.run, "since": found.plan.since, "until": found.plan.until})
    mlflow.log_metrics({"rows": found.rows, "failed": found.failed, "own_answers": found.own_answers})
    for row in found.figures:
        figures = {k: v for k, v in asdict(row).items() if isinstance(v, int | float)}
        if row.estimate is not None:
            figures["estimate"] = row.estimate.value
        mlflow.log_metrics({f"{row.language}.{row.criterion}.{name}": v for name, v in figures.items()})
    mlflow.log_dict(found.as_dict(), "judge.json")


def _asked(rows: Sequence[Row], language: str, criterion: Criterion) -> list[Row]:
    """Answers that the question could be put to; a failed call counts among them."""
    return [
        row
        for row in rows
        if language in {ALL, row.language} and (row.label is not None or not criterion.needs_label)
    ]


def _scored(rows: Sequence[Row], criterion: Criterion) -> list[tuple[Row, Score, float]]:
    found = []
    for row in rows:
        score = row.scores.get(criterion.name)
        if score is not None and score.p_yes is not None:
            found.append((row, score, score.p_yes))
    return found


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
