"""A mean from few labels and many predictions: prediction-powered inference. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from pipelines.statistics.proportions import clopper_pearson_interval

LABELS_ONLY, PPI = "labels", "ppi++"
SMALL_SAMPLE, FEWEST_OF_EACH = 200, 20  # labels for a normal interval, and those of the rarer kind


@dataclass(frozen=True)
class Estimate:
    """A share with its interval; `weight` is lambda, how much the predictions count (0: not at all)."""

    value: float
    low: float
    high: float
    method: str
    labels: int
    unlabeled: int
    weight: float = 0.0


def power_weight(labels: Sequence[bool], predicted: Sequence[float], unlabeled: Sequence[float]) -> float:
    """The lambda of the least variance, cov(y, f) / ((1 + n/N) var f), in [0, 1].

    Angelopoulos, Duchi & Zrnic 2023, "PPI++" (arXiv 2311.01453), section on power tuning, for a mean. The
    covariance is of the n labeled rows, the variance of all predictions. Predictions without information get 0.
    """
    y, f, u = _arrays(labels, predicted, unlabeled)
    variance = float(np.var(np.concatenate([f, u]), ddof=1))
    if variance <= 0.0:
        return 0.0
    covariance = float(np.cov(y, f, ddof=1)[0, 1])
    return min(1.0, max(0.0, covariance / ((1 + len(y) / len(u)) * variance)))


def ppi_mean(
    labels: Sequence[bool], predicted: Sequence[float], unlabeled: Sequence[float], confidence: float = 0.95
) -> Estimate:
    """lambda · mean f(unlabeled) + mean(y - lambda · f) over the labeled (arXiv 2311.01453, equation for the mean).

    Normal interval with variance var(y - lambda f)/n + lambda² var f/N, cut to [0, 1]. It holds when labeled and
    unlabeled rows come from one distribution, and for about 200 labels or more; `share_right` ensures the latter.
    Raises ValueError below two labels or two unlabeled rows.
    """
    if len(labels) < 2 or len(unlabeled) < 2:
        raise ValueError(f"got {len(labels)} labels and {len(unlabeled)} others, needs two of each")
    y, f, u = _arrays(labels, predicted, unlabeled)
    weight = power_weight(labels, predicted, unlabeled)
    value = weight * float(u.mean()) + float((y - weight * f).mean())
    variance = float(np.var(y - weight * f, ddof=1)) / len(y) + weight**2 * float(np.var(u, ddof=1)) / len(u)
    half = float(ndtri((1 + confidence) / 2)) * math.sqrt(variance)
    low, high = (min(1.0, max(0.0, bound)) for bound in (value - half, value + half))
    return Estimate(min(1.0, max(0.0, value)), low, high, PPI, len(y), len(u), weight)


def share_right(
    labels: Sequence[bool], predicted: Sequence[float], unlabeled: Sequence[float], confidence: float = 0.95
) -> Estimate | None:
    """The share of right answers: PPI++ where it holds, else from labels alone (Clopper-Pearson). None without a label.

    A normal interval falls short near 1: .87 instead of .95 for a share of .99 and 500 labels. With FEWEST_OF_EACH right
    and wrong labels of SMALL_SAMPLE it held .94 and more.
    """
    if not labels:
        return None
    right = sum(labels)
    fewest = min(right, len(labels) - right)
    if len(labels) < SMALL_SAMPLE or len(unlabeled) < 2 or fewest < FEWEST_OF_EACH:
        low, high = clopper_pearson_interval(right, len(labels), confidence)
        return Estimate(right / len(labels), low, high, LABELS_ONLY, len(labels), len(unlabeled))
    return ppi_mean(labels, predicted, unlabeled, confidence)


def _arrays(
    labels: Sequence[bool], predicted: Sequence[float], unlabeled: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if len(labels) != len(predicted):
        raise ValueError(f"predicted: got {len(predicted)} rows, labels has {len(labels)}")
    return tuple(np.asarray(x, dtype=np.float64) for x in (labels, predicted, unlabeled))  # type: ignore[return-value]
