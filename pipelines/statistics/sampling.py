"""A share from a sample that was drawn with recorded chances: inverse propensity. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import betainccinv, betaincinv

from pipelines.statistics.ppi import Estimate
from pipelines.statistics.proportions import Interval

WEIGHTED = "weighted"


def weighted_share(
    right: Sequence[bool], propensity: Sequence[float], confidence: float = 0.95
) -> Estimate | None:
    """The share of right rows of the population that a sample was drawn from; None without a row.

    Each row counts 1 / propensity, over the sum of these weights (Hájek 1971). The interval is the exact one of Clopper and
    Pearson at the effective number of rows (Korn & Graubard 1998, Survey Methodology 24:193): with equal chances it is
    theirs. The effective number is at most that of equal shares (Kish 1965), so that it is never larger by luck.
    ValueError for a propensity outside (0, 1].
    """
    if not right:
        return None
    y, p = np.asarray(right, dtype=np.float64), np.asarray(propensity, dtype=np.float64)
    if len(p) != len(y):
        raise ValueError(f"propensity: got {len(p)} rows, right has {len(y)}")
    if wrong := [float(one) for one in p if not 0 < one <= 1]:
        raise ValueError(f"propensity: got {wrong[0]}, needs numbers above 0 and at most 1")
    weights = 1 / p
    value = float((weights * y).sum() / weights.sum())
    low, high = exact_interval(value, effective_rows(y, weights, value), confidence)
    return Estimate(value, low, high, WEIGHTED, len(y), 0)


def effective_rows(y: np.ndarray, weights: np.ndarray, value: float) -> float:
    """Rows of a simple random sample with the same variance of the share, at most Kish's number."""
    kish = float(weights.sum() ** 2 / (weights**2).sum())
    rows = len(y)
    residuals = weights * (y - value) / weights.sum()
    variance = rows / max(1, rows - 1) * float((residuals**2).sum())
    if np.ptp(weights) == 0 or variance == 0:
        return kish
    return min(kish, value * (1 - value) / variance)


def exact_interval(share: float, rows: float, confidence: float = 0.95) -> Interval:
    """Clopper and Pearson's interval; `rows` need not be whole."""
    tail = (1 - confidence) / 2
    hits = share * rows
    low = float(betaincinv(hits, rows - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betainccinv(hits + 1, rows - hits, tail)) if rows - hits > 1e-9 else 1.0
    return low, high
