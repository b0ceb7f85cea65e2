"""Figures of a run of the judge, measured against people's ground truth. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pipelines.judge.client import Score
from pipelines.judge.criteria import Criterion
from pipelines.judge.run import DELETED, Plan, Population, Row
from pipelines.judge.trust import Gate, trust_gate
from pipelines.statistics import (
    Estimate,
    Interval,
    area_under_curve,
    clopper_pearson_interval,
    share_right,
    weighted_share,
)

# Of the answers that were asked for. With fewer labels, who answers is a choice again.
FEWEST_RESPONSES = 0.9


@dataclass(frozen=True)
class Labels:
    """Labels of a language: of `answers`, `asked` were asked for, and `responses` of those have a label.

    `voluntary` labels come from people who chose to give them: the share of right answers among those is no estimate.
    """

    answers: int
    asked: int
    responses: int
    voluntary: int
    voluntary_right: float | None
    coverable: int = 0

    @property
    def response(self) -> float | None:
        """Share of the answers asked for that have a label."""
        return self.responses / self.asked if self.asked else None

    @property
    def voluntary_response(self) -> float | None:
        """Share of the other answers that people labeled."""
        rest = self.answers - self.asked
        return self.voluntary / rest if rest else None


@dataclass(frozen=True)
class Figures:
    """One criterion in one language. `judged` and `no_verdict` are of answers that can be judged.

    `score` is the judge alone, over the answers drawn at random. `agreement` is with people's ground truth over all labeled
    answers that can be judged, where no verdict never agrees; `baseline` is the agreement of a judge that always gives the
    more frequent verdict. `gate` says whether the judge may be used. `estimate` is the share of right answers; it needs
    labels that were asked for.
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
    gate: Gate | None = None
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Report:
    """A finished run. `own_answers` counts answers of the judge itself, `labels` is by language."""

    run: str
    plan: Plan
    rows: int
    failed: int
    deleted: int
    own_answers: int
    labels: dict[str, Labels]
    figures: tuple[Figures, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the ids of the answers are in the plan."""
        return asdict(self) | {"plan": self.plan.model_dump(mode="json", exclude={"chosen"})}


def make_report(run: str, plan: Plan, rows: Sequence[Row], criteria: Sequence[Criterion]) -> Report:
    """The figures of all rows, by language: over several languages they would be those of a mixture. Pure."""
    deleted = sum(row.error == DELETED for row in rows)
    rows = [row for row in rows if row.error != DELETED]
    languages = sorted({row.language for row in rows})
    by_language = {language: [row for row in rows if row.language == language] for language in languages}
    labels = {
        language: labels_of(here, plan.population.get(language, Population()))
        for language, here in by_language.items()
    }
    figures = tuple(
        figures_of(language, criterion, here, labels[language])
        for language in languages
        for criterion in criteria
        if (here := _with_question(by_language[language], criterion))
    )
    judgeable = [row for row in rows if row.judgeable]
    failed = sum(row.error is not None for row in rows)
    own = sum(row.own_answer for row in rows)
    return Report(run, plan, len(judgeable), failed, deleted, own, labels, figures)


def labels_of(rows: Sequence[Row], population: Population) -> Labels:
    """How the labels came about. Pure."""
    labeled = [row for row in rows if row.right is not None]
    voluntary = [bool(row.right) for row in labeled if not row.asked]
    return Labels(
        answers=max(population.answers, len(rows)),
        asked=max(population.asked, sum(row.asked for row in rows)),
        responses=len(labeled) - len(voluntary),
        voluntary=len(voluntary),
        voluntary_right=_mean([float(one) for one in voluntary]),
        coverable=population.coverable,
    )


def figures_of(language: str, criterion: Criterion, rows: Sequence[Row], labels: Labels) -> Figures:
    """One criterion over the rows that have its question. Pure."""
    judgeable = [row for row in rows if row.judgeable]
    scores = _scores(judgeable, criterion)
    masses = [score.verdict_mass for score in scores.values() if score.verdict_mass is not None]
    p_yes = {name: score.p_yes for name, score in scores.items() if score.p_yes is not None}
    alone = [p_yes[row.id] for row in judgeable if row.sampled and row.id in p_yes]
    none = len(judgeable) - len(scores)
    figures = Figures(language, criterion.name, len(scores), none, _mean(alone), _mean(masses))
    if not criterion.checked or not any(row.right is not None for row in rows):
        return figures
    figures = _checked(figures, [row for row in judgeable if row.right is not None], p_yes)
    estimate = None if criterion.needs_label else estimate_of(rows, p_yes, labels)
    return replace(figures, estimate=estimate)


def _checked(figures: Figures, rows: Sequence[Row], p_yes: dict[str, float]) -> Figures:
    """The judge against people, on the labels that were asked for; on all of them where none was."""
    asked = [row for row in rows if row.asked]
    rows = asked or rows
    if not rows:
        return figures
    right = [bool(row.right) for row in rows]
    approved = [None if row.id not in p_yes else p_yes[row.id] >= 0.5 for row in rows]
    agrees = sum(one is other for one, other in zip(right, approved, strict=True))
    judged = [(p_yes[row.id], bool(row.right)) for row in rows if row.id in p_yes]
    return replace(
        figures,
        labels=len(rows),
        agreement=agrees / len(rows),
        agreement_interval=clopper_pearson_interval(agrees, len(rows)),
        baseline=max(sum(right), len(right) - sum(right)) / len(right),
        auc=area_under_curve(*map(list, zip(*judged, strict=True))) if judged else None,
        gate=trust_gate(right, approved, voluntary=not asked),
    )


def estimate_of(rows: Sequence[Row], p_yes: dict[str, float], labels: Labels) -> Estimate | None:
    """The share of right answers from labels that were asked for; None without them, or with too few responses.

    It is about the answers that had a chance to be asked for. Where the judge gave no answer, its mean takes its place: to
    leave such answers out would make a model look better on which the judge fails. PPI++ needs equal chances.
    """
    asked = [row for row in rows if row.asked and row.right is not None and row.propensity]
    if not asked or (labels.response or 0.0) < FEWEST_RESPONSES:
        return None
    right, chances = [bool(row.right) for row in asked], [row.propensity or 1.0 for row in asked]
    if len(set(chances)) > 1:
        return weighted_share(right, chances)
    fallback = _mean(list(p_yes.values()))
    predicted = [p_yes.get(row.id, 0.5 if fallback is None else fallback) for row in asked]
    others = [
        p_yes.get(row.id, 0.5 if fallback is None else fallback)
        for row in rows
        if row.sampled and row.right is None and row.propensity == chances[0]
    ]
    # A sample of judgeable answers is none of all, where some are not.
    return share_right(right, predicted, others if all(row.judgeable for row in rows) else [])


def _with_question(rows: Sequence[Row], criterion: Criterion) -> list[Row]:
    """Answers that the question applies to; failed calls are among them."""
    return [row for row in rows if row.label is not None or not criterion.needs_label]


def _scores(rows: Sequence[Row], criterion: Criterion) -> dict[str, Score]:
    """Verdicts of the judge by id of the answer."""
    scores = {row.id: row.scores.get(criterion.name) for row in rows}
    return {name: score for name, score in scores.items() if score is not None and score.p_yes is not None}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
