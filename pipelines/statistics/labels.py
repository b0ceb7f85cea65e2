"""Figures of labels: precision, recall, F1, and scores of probabilities over any number of labels. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.statistics.clusters import family_interval
from pipelines.statistics.proportions import Interval, area_under_curve

Probabilities = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class LabelFigures:
    """One label. `rows` have it as ground truth, `answers` as verdict, `hits` as both. None where the divisor is 0."""

    rows: int
    answers: int
    hits: int
    precision: float | None
    precision_interval: Interval | None
    recall: float | None
    recall_interval: Interval | None
    f1: float | None


def label_figures(
    truth: Sequence[str],
    verdicts: Sequence[str],
    labels: Sequence[str],
    families: Sequence[Hashable] | None = None,
) -> dict[str, LabelFigures]:
    """The figures of each label. A verdict that is no label, such as Neutral, is a miss of the row's label.

    Intervals are over `families`; without them each row is one of its own.
    """
    rows = list(zip(truth, verdicts, families or range(len(truth)), strict=True))
    return {label: _figures(label, rows) for label in labels}


def balanced_accuracy(figures: Collection[LabelFigures]) -> float | None:
    """Mean recall over the labels that have rows."""
    return _mean([one.recall for one in figures if one.recall is not None])


def macro_f1(figures: Collection[LabelFigures]) -> float | None:
    """Mean F1 over the labels that have rows or answers."""
    return _mean([one.f1 for one in figures if one.f1 is not None])


def multiclass_brier(probabilities: Probabilities, truth: Sequence[str]) -> float:
    """Mean over rows of the squared errors summed over labels, from 0 to 2 (Brier 1950).

    For two labels it is twice `brier_score`. A ground truth without a probability counts as one of 0.
    """
    if not truth:
        raise ValueError("truth: got no rows, needs at least one")
    total = 0.0
    for row, label in zip(probabilities, truth, strict=True):
        total += sum((p - (name == label)) ** 2 for name, p in row.items()) + (label not in row)
    return total / len(truth)


def one_against_rest(
    probabilities: Probabilities, truth: Sequence[str], labels: Sequence[str]
) -> dict[str, float]:
    """Area under the curve of each label's probability against all other labels; only of labels that have both."""
    areas = {}
    for label in labels:
        p = [row.get(label, 0.0) for row in probabilities]
        area = area_under_curve(p, [other == label for other in truth])
        if area is not None:
            areas[label] = area
    return areas


def _figures(label: str, rows: Sequence[tuple[str, str, Hashable]]) -> LabelFigures:
    recalled = [(verdict == label, family) for truth, verdict, family in rows if truth == label]
    precise = [(truth == label, family) for truth, verdict, family in rows if verdict == label]
    hits, size = sum(hit for hit, _ in recalled), len(recalled) + len(precise)
    return LabelFigures(
        rows=len(recalled),
        answers=len(precise),
        hits=hits,
        precision=hits / len(precise) if precise else None,
        precision_interval=_interval(precise),
        recall=hits / len(recalled) if recalled else None,
        recall_interval=_interval(recalled),
        f1=2 * hits / size if size else None,
    )


def _interval(pairs: Sequence[tuple[bool, Hashable]]) -> Interval | None:
    return family_interval([hit for hit, _ in pairs], [family for _, family in pairs]) if pairs else None


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
