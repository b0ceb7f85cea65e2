"""Figures of a run of the judge, measured against people's ground truth. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pipelines.evaluate.summary import ALL
from pipelines.judge.client import Score
from pipelines.judge.criteria import Criterion
from pipelines.judge.run import DELETED, Plan, Row
from pipelines.statistics import Estimate, Interval, accuracy_interval, area_under_curve, share_right


@dataclass(frozen=True)
class Figures:
    """One criterion in one language, or in all. Shares are of the answers with a verdict.

    `score` is the judge alone, over the answers drawn at random. `agreement` is with people's ground truth, `baseline`
    the agreement of a judge that always gives the more frequent verdict. `estimate` is the share of right answers.
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
    """A finished run. `own_answers` counts answers of the judge itself."""

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
        return asdict(self) | {"plan": self.plan.model_dump(mode="json", exclude={"chosen"})}


def make_report(run: str, plan: Plan, rows: Sequence[Row], criteria: Sequence[Criterion]) -> Report:
    """The figures of all rows. Pure."""
    deleted = sum(row.error == DELETED for row in rows)
    rows = [row for row in rows if row.error != DELETED]
    # Labels from different sampling probabilities would need weights, which the estimate does not have.
    weighted = len({row.propensity for row in rows if row.label is not None}) > 1
    languages = (*sorted({row.language for row in rows}), ALL)
    figures = tuple(
        figures_of(language, criterion, here, estimated=not weighted)
        for language in languages
        for criterion in criteria
        if (here := _with_question(rows, language, criterion))
    )
    failed = sum(row.error is not None for row in rows)
    own = sum(row.own_answer for row in rows)
    return Report(run, plan, len(rows), failed, deleted, own, weighted, figures)


def figures_of(
    language: str, criterion: Criterion, rows: Sequence[Row], *, estimated: bool = True
) -> Figures:
    """One criterion over the rows that have its question. Pure."""
    scores = _scores(rows, criterion)
    masses = [score.verdict_mass for _, score, _ in scores if score.verdict_mass is not None]
    alone = [p for row, _, p in scores if row.sampled]
    none = len(rows) - len(scores)
    figures = Figures(language, criterion.name, len(scores), none, _mean(alone), _mean(masses))
    labeled = [(row.right, p) for row, _, p in scores if row.right is not None]
    if not criterion.checked or not labeled:
        return figures
    right, p_yes = [truth for truth, _ in labeled], [p for _, p in labeled]
    agrees = sum((p >= 0.5) is truth for truth, p in labeled)
    others = [p for row, _, p in scores if row.right is None and row.sampled]
    return replace(
        figures,
        labels=len(right),
        agreement=agrees / len(right),
        agreement_interval=accuracy_interval(agrees, len(right)),
        baseline=max(sum(right), len(right) - sum(right)) / len(right),
        auc=area_under_curve(p_yes, right),
        estimate=share_right(right, p_yes, others) if estimated and not criterion.needs_label else None,
    )


def _with_question(rows: Sequence[Row], language: str, criterion: Criterion) -> list[Row]:
    """Answers that the question applies to; failed calls are among them."""
    return [
        row
        for row in rows
        if language in {ALL, row.language} and (row.label is not None or not criterion.needs_label)
    ]


def _scores(rows: Sequence[Row], criterion: Criterion) -> list[tuple[Row, Score, float]]:
    scores = []
    for row in rows:
        score = row.scores.get(criterion.name)
        if score is not None and score.p_yes is not None:
            scores.append((row, score, score.p_yes))
    return scores


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
