"""Thresholds of one language, from answers and labels. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.classes import Classes
from pipelines.statistics import area_under_curve, one_against_rest
from signalbox import thresholds
from signalbox.contracts.labels import NEUTRAL, Label, LabelProbabilities
from signalbox.contracts.record import LabeledText
from signalbox.errors import ModelError
from signalbox.models.base import Answer
from signalbox.thresholds import CalibrationAnswer, Thresholds


@dataclass(frozen=True)
class Calibration:
    """One language. `usable` rows have probabilities; `thresholds` is None where they are too few, and `reason` says so.

    `sparse` are verdicts that few of them got, with their number.
    """

    language: str
    rows: int
    usable: int
    neutral_share: float
    mean_verdict_mass: float | None
    auc: float | None
    thresholds: Thresholds | None
    reason: str | None
    sparse: dict[Label, int]
    answers: tuple[CalibrationAnswer, ...] = ()


def fit_language(
    language: str,
    rows: Sequence[LabeledText],
    results: Sequence[Answer | ModelError],
    classes: Classes,
) -> Calibration:
    """Thresholds of a language, and figures about them; `results` are in the order of `rows`.

    Neutral answers are left out of the fit: they are shown red whatever the thresholds are.
    """
    answers = [result for result in results if isinstance(result, Answer)]
    pairs = [
        (result.probabilities, row.label)
        for row, result in zip(rows, results, strict=True)
        if isinstance(result, Answer) and result.probabilities is not None and result.stated != NEUTRAL
    ]
    probabilities, labels = [p for p, _ in pairs], [label for _, label in pairs]
    masses = [answer.verdict_mass for answer in answers if answer.verdict_mass is not None]
    neutral = sum(answer.stated == NEUTRAL for answer in answers)
    fit, reason = None, None
    try:
        fit = thresholds.fit(probabilities, labels, positive=classes.positive)
    except ValueError as error:
        reason = f"{len(pairs)} usable of {len(rows)} rows ({neutral} neutral): {error}"
    return Calibration(
        language=language,
        rows=len(rows),
        usable=len(pairs),
        neutral_share=neutral / len(answers) if answers else 0.0,
        mean_verdict_mass=math.fsum(masses) / len(masses) if masses else None,
        auc=_auc(pairs, classes),
        thresholds=fit,
        reason=reason,
        sparse={} if fit is None else thresholds.sparse_verdicts(fit, probabilities),
        answers=() if fit is None else thresholds.calibration_answers(pairs, fit),
    )


def _auc(pairs: Sequence[tuple[LabelProbabilities, Label]], classes: Classes) -> float | None:
    """Of the positive one of two labels; of more the mean of each label against the rest."""
    if not pairs:
        return None
    probabilities, labels = [p for p, _ in pairs], [label for _, label in pairs]
    if (positive := classes.positive) is not None:
        return area_under_curve([p[positive] for p in probabilities], [label == positive for label in labels])
    areas = one_against_rest(probabilities, labels, classes.labels)
    return sum(areas.values()) / len(areas) if areas else None
