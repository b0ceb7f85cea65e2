"""The gap between two distribution functions of sorted numbers, in blocks: memory is that of the numbers. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kstwo

from pipelines.statistics.clustered import ClusteredRows
from pipelines.statistics.profiles import Coding
from pipelines.statistics.two_sample import (
    EXACT_ROWS,
    Outcome,
    finite,
    gap_interval,
    kolmogorov_smirnov,
)

_BLOCK = 1 << 16

Floats = NDArray[np.float64]


def kolmogorov_smirnov_sorted(reference: Floats, current: Floats) -> Outcome:
    """`kolmogorov_smirnov` of two sorted samples; above EXACT_ROWS without its copies, with the same values.

    The p-value of the limit is the one of `scipy.stats.ks_2samp(method="asymp")`. ValueError for an empty sample.
    """
    sizes = len(reference), len(current)
    if max(sizes) <= EXACT_ROWS or not min(sizes):
        return kolmogorov_smirnov(reference, current)
    return limit_outcome(largest_gap(reference, current), sizes)


def limit_outcome(gap: float, sizes: tuple[int, int]) -> Outcome:
    """The test of a gap between samples of so many rows, by the limit distribution."""
    effective = sizes[0] * sizes[1] / sum(sizes)
    p_value = float(np.clip(kstwo.sf(gap, np.round(effective)), 0.0, 1.0))
    return Outcome("KS", "kolmogorov_smirnov", gap, gap_interval(gap, *sizes), p_value)


class SortedNumbers:
    """Two samples in memory: one array of all numbers, sorted in place. ValueError as of `finite`."""

    def __init__(self, reference: ClusteredRows, current: ClusteredRows) -> None:
        rows = len(reference)
        self._pooled = pooled = np.empty(rows + len(current))
        for name, sample, own in (
            ("reference", reference, pooled[:rows]),
            ("current", current, pooled[rows:]),
        ):
            sample.copy_numbers(own)
            finite(name, own).sort()
        self.outcome = kolmogorov_smirnov_sorted(pooled[:rows], pooled[rows:])
        pooled.sort()

    def is_tied(self, share: float) -> bool:
        """Whether one number has more than this share of the rows."""
        return is_tied(self._pooled, share)

    def coding(self, bins: int) -> tuple[Coding, int]:
        """At most so many bins of equal shares, as codes, and their number; each number of its own where they are few."""
        edges = bin_edges(self._pooled, bins)

        def code(values: Floats) -> NDArray[np.int64]:
            return np.searchsorted(edges, values, side="right")

        return code, len(edges) + 1


def largest_gap(reference: Floats, current: Floats) -> float:
    """D of two sorted samples (Smirnov 1939)."""
    largest = 0.0
    for points in (reference, current):
        for first in range(0, len(points), _BLOCK):
            block = points[first : first + _BLOCK]
            shares = [np.searchsorted(side, block, side="right") / len(side) for side in (reference, current)]
            largest = max(largest, float(np.abs(shares[0] - shares[1]).max()))
    return largest


def is_tied(ordered: Floats, share: float) -> bool:
    """Whether one value has more than this share of sorted numbers."""
    most = share * len(ordered)
    candidates = ordered[:: max(1, int(most))]  # such a value is at one of these places
    rows = np.searchsorted(ordered, candidates, "right") - np.searchsorted(ordered, candidates, "left")
    return bool(rows.max() > most)


def bin_edges(ordered: Floats, bins: int) -> Floats:
    """Edges of bins of sorted numbers: between all values where they are few, else the quantiles."""
    is_new = ordered[1:] != ordered[:-1]
    if np.count_nonzero(is_new) < bins:
        return np.asarray(ordered[1:][is_new])
    place = np.linspace(0, 1, bins + 1)[1:-1] * (len(ordered) - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, len(ordered) - 1)
    return np.unique(ordered[below] + (ordered[above] - ordered[below]) * (place - below))
