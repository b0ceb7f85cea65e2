"""Thresholds of one language, from answers and labels. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.statistics import area_under_curve
from signalbox import thresholds
from signalbox.contracts.labels import NEUTRAL, Label, LabelProbabilities
from signalbox.contracts.record import LabeledText
from signalbox.errors import ModelError
from signalbox.models.base import Answer
from signalbox.thresholds import Thresholds


@dataclass(frozen=True)
class Calibration:
    """One language. `usable` rows have probabilities; `thresholds` is None where they are too few, and `reason` says so."""

    language: str
    rows: int
    usable: int
    neutral_share: float
    mean_verdict_mass: float | None
    auc: float | None
    thresholds: Thresholds | None
    reason: str | None


def fit_language(
    language: str,
    rows: Sequence[LabeledText],
    results: Sequence[Answer | ModelError],
    positive: Label | None = None,
) -> Calibration:
    """Thresholds of a language, and figures about them; `results` are in the order of `rows`, `positive` is that of the task.

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
        fit = thresholds.fit(probabilities, labels, positive=positive)
    except ValueError as error:
        reason = f"{len(pairs)} usable of {len(rows)} rows ({neutral} neutral): {error}"
    return Calibration(
        language=language,
        rows=len(rows),
        usable=len(pairs),
        neutral_share=neutral / len(answers) if answers else 0.0,
        mean_verdict_mass=math.fsum(masses) / len(masses) if masses else None,
        auc=_auc(pairs, positive),
        thresholds=fit,
        reason=reason,
    )


def _auc(pairs: Sequence[tuple[LabelProbabilities, Label]], positive: Label | None) -> float | None:
    """Of the positive label's probability; None where no label is positive."""
    if positive is None or not pairs:
        return None
    return area_under_curve([p[positive] for p, _ in pairs], [label == positive for _, label in pairs])
