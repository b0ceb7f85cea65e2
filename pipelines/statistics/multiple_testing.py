"""Correction of p-values where a run has several tests: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: at most `level` runs have any false alarm, whatever the dependence (Holm 1979)."""
    p = _probabilities(p_values)
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return [float(value) for value in adjusted]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: on average, a share of at most `level` of the alarms is false (Benjamini & Hochberg 1995).

    This holds for independent or positively dependent tests only.
    """
    return [float(value) for value in false_discovery_control(_probabilities(p_values))]


CORRECTIONS: dict[str, Callable[[Sequence[float]], list[float]]] = {"holm": holm, "bh": benjamini_hochberg}


def _probabilities(p_values: Sequence[float]) -> NDArray[np.float64]:
    p = np.asarray(p_values, dtype=np.float64)
    wrong = p[~((p >= 0) & (p <= 1))]  # NaN fails both comparisons
    if wrong.size:
        raise ValueError(f"p_values: got {wrong[0]}, needs numbers in [0, 1]")
    return p
