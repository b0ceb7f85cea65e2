"""What a margin is worth: the share of right answers at it, fitted on calibration rows. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import Field

from signalbox.contracts.record import Contract

_STEPS = 100
_SMALLEST_CHANGE = 1e-10
_RIDGE = 1e-9  # equal margins leave the slope undetermined


class MarginCalibration(Contract):
    """Share of right answers as a logistic function of the margin; a larger margin is never worth less."""

    slope: float = Field(ge=0.0, allow_inf_nan=False)
    intercept: float = Field(allow_inf_nan=False)

    def share_right(self, margin: float) -> float:
        """Between 0 and 1, both exclusive."""
        return _sigmoid(self.intercept + self.slope * margin)


def fit_calibration(margins: Sequence[float], right: Sequence[bool]) -> MarginCalibration | None:
    """Fit by Platt's method (1999), whose targets stay off 0 and 1, so that rows that are all right give no certainty.

    A slope below 0 says that the margin is worth nothing: every margin then has the share of right rows. None
    without rows.
    """
    if not margins:
        return None
    hits, misses = sum(right), len(right) - sum(right)
    high, low = (hits + 1) / (hits + 2), 1 / (misses + 2)
    targets = [high if hit else low for hit in right]
    share = math.fsum(targets) / len(targets)
    level = math.log(share / (1 - share))
    slope, intercept = _newton(margins, targets, level)
    return MarginCalibration(slope=slope, intercept=intercept) if slope > 0 else _constant(level)


def _constant(level: float) -> MarginCalibration:
    return MarginCalibration(slope=0.0, intercept=level)


def _newton(margins: Sequence[float], targets: Sequence[float], intercept: float) -> tuple[float, float]:
    """Slope and intercept of the largest likelihood: Newton's method, with shorter steps where one leads up."""
    slope, loss = 0.0, _loss(margins, targets, 0.0, intercept)
    for _ in range(_STEPS):
        change = _step(margins, targets, slope, intercept)
        size = 1.0
        while (new := _loss(margins, targets, slope + size * change[0], intercept + size * change[1])) > loss:
            size /= 2
            if size < _SMALLEST_CHANGE:
                return slope, intercept
        slope, intercept = slope + size * change[0], intercept + size * change[1]
        if loss - new < _SMALLEST_CHANGE:
            break
        loss = new
    return slope, intercept


def _step(
    margins: Sequence[float], targets: Sequence[float], slope: float, intercept: float
) -> tuple[float, float]:
    """Minus the inverse of the Hessian times the gradient."""
    shares = [_sigmoid(intercept + slope * margin) for margin in margins]
    errors = [target - share for target, share in zip(targets, shares, strict=True)]
    weights = [share * (1 - share) for share in shares]
    gradient = math.fsum(map(math.prod, zip(errors, margins, strict=True))), math.fsum(errors)
    first = math.fsum(w * m * m for w, m in zip(weights, margins, strict=True)) + _RIDGE
    mixed = math.fsum(map(math.prod, zip(weights, margins, strict=True)))
    second = math.fsum(weights) + _RIDGE
    determinant = first * second - mixed * mixed
    return (
        (second * gradient[0] - mixed * gradient[1]) / determinant,
        (first * gradient[1] - mixed * gradient[0]) / determinant,
    )


def _loss(margins: Sequence[float], targets: Sequence[float], slope: float, intercept: float) -> float:
    """Cross entropy, in a form that does not overflow."""
    scores = [intercept + slope * margin for margin in margins]
    return math.fsum(
        max(score, 0.0) - score * target + math.log1p(math.exp(-abs(score)))
        for score, target in zip(scores, targets, strict=True)
    )


def _sigmoid(score: float) -> float:
    return 1 / (1 + math.exp(-score)) if score >= 0 else math.exp(score) / (1 + math.exp(score))
