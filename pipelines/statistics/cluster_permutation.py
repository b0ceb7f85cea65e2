"""Two-sample tests of rows that come in clusters, such as a text that is sent again. Pure functions.

Rows of one cluster are not independent, so the tests permute clusters between the samples, never rows. A cluster that is in
both samples is two units: more rows alone then never look like another distribution. Measured sizes: docs/log.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from pipelines.statistics.resampling import Floats, sequential_p_value
from pipelines.statistics.two_sample import (
    FEWEST_RESAMPLES,
    Outcome,
    categories,
    debiased_jensen_shannon,
    gap_interval,
    kolmogorov_smirnov,
)

MOST_TIES = 0.2  # share of the most frequent value; above, the exact KS distribution is nearly blind
_BINS = 200  # of a number in a permutation; a gap between two of them loses at most half a percent

Statistic = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Clustered:
    """Values of one sample, shape (rows,), numbers or labels, and the cluster of each row, whole numbers."""

    values: NDArray[Any]
    clusters: NDArray[np.uint64]

    @property
    def effective(self) -> float:
        """Independent rows that carry as much: (sum of sizes)² / sum of squared sizes of the clusters (Kish 1965)."""
        sizes = np.unique(self.clusters, return_counts=True)[1].astype(np.float64)
        return float(sizes.sum() ** 2 / (sizes**2).sum()) if len(sizes) else 0.0

    @property
    def repeats(self) -> bool:
        """Whether any cluster has several rows."""
        return len(np.unique(self.clusters)) < len(self.clusters)


def compare_numbers(
    reference: Clustered, current: Clustered, *, resamples: int = FEWEST_RESAMPLES, seed: int = 0
) -> Outcome:
    """Largest gap D of two distribution functions: exact where rows are independent and ties few, else permuted.

    The interval of D is of the effective rows. ValueError for an empty sample or a number that is not finite.
    """
    exact = kolmogorov_smirnov(reference.values, current.values)
    pooled = np.concatenate([reference.values, current.values])
    clustered = reference.repeats or current.repeats
    ties = np.unique(pooled, return_counts=True)[1].max() / len(pooled)
    if not clustered and ties <= MOST_TIES:
        return exact
    distinct, codes = np.unique(pooled, return_inverse=True)
    if len(distinct) > _BINS:
        edges = np.unique(np.quantile(pooled, np.linspace(0, 1, _BINS + 1)[1:-1]))
        codes = np.searchsorted(edges, pooled, side="right")
    p_value = _p_value(codes, reference, current, _gap, resamples, seed)
    return replace(
        exact,
        test="KS, clustered" if clustered else "KS, permuted",
        interval=gap_interval(exact.effect, reference.effective, current.effective),
        p_value=p_value,
    )


def compare_labels(
    reference: Clustered, current: Clustered, *, resamples: int = FEWEST_RESAMPLES, seed: int = 0
) -> Outcome:
    """Whether both samples have the same shares of labels; `categories` where rows are independent.

    ValueError for an empty sample.
    """
    counts = Counter(reference.values.tolist()), Counter(current.values.tolist())
    if not (reference.repeats or current.repeats) or len(counts[0] | counts[1]) < 2:
        return categories(*counts, resamples=resamples, seed=seed)
    pooled = np.concatenate([reference.values, current.values])
    _, codes = np.unique(pooled, return_inverse=True)
    p_value = _p_value(codes, reference, current, _distance, resamples, seed)
    effect = debiased_jensen_shannon(*counts, (reference.effective, current.effective))
    return Outcome("chi-square, clustered", "jensen_shannon", effect, None, p_value)


def _p_value(
    codes: NDArray[np.int64],
    reference: Clustered,
    current: Clustered,
    statistic: Statistic,
    resamples: int,
    seed: int,
) -> float:
    """Units are permuted between the samples. Units of one profile are alike, so counts of each profile are drawn."""
    rows = len(reference.values)
    width = int(codes.max()) + 1
    sides = _units(codes[:rows], reference.clusters, width), _units(codes[rows:], current.clusters, width)
    profiles, counts = _profiles(vstack(sides).tocsr())
    totals = np.asarray(sides[0].sum(axis=0) + sides[1].sum(axis=0), dtype=np.float64).ravel()
    # Drawing the smaller side is faster; the statistic is the same for both.
    smaller = min(sides, key=lambda side: side.shape[0])
    rng = np.random.default_rng(seed)

    def draw(count: int) -> Floats:
        units = rng.multivariate_hypergeometric(counts, smaller.shape[0], size=count, method="marginals")
        return statistic(np.asarray((profiles.T @ units.T).T, dtype=np.float64), totals)

    observed = np.asarray(smaller.sum(axis=0), dtype=np.float64).reshape(1, -1)
    return sequential_p_value(draw, float(statistic(observed, totals)[0]), resamples)


def _units(codes: NDArray[np.int64], clusters: NDArray[np.uint64], width: int) -> csr_matrix:
    """Rows of each cluster by code, (clusters, width)."""
    _, places = np.unique(clusters, return_inverse=True)
    ones = np.ones(len(codes), dtype=np.int64)
    units = csr_matrix((ones, (places, codes)), shape=(int(places.max()) + 1, width))
    units.sum_duplicates()
    return units


def _profiles(units: csr_matrix) -> tuple[csr_matrix, NDArray[np.int64]]:
    """Different rows of a matrix, and how often each occurs."""
    units.sort_indices()
    lengths = np.diff(units.indptr)
    (pure,) = np.nonzero(lengths == 1)  # nearly all, so they are counted without a loop
    at = units.indptr[pure]
    pairs = np.column_stack([units.indices[at], units.data[at]])
    _, first, counts = np.unique(pairs, axis=0, return_index=True, return_counts=True)
    rows, numbers = [*pure[first]], [*counts]
    places: dict[bytes, int] = {}
    for row in np.nonzero(lengths > 1)[0]:
        inside = slice(units.indptr[row], units.indptr[row + 1])
        key = units.indices[inside].tobytes() + b"|" + units.data[inside].tobytes()
        if key not in places:
            places[key] = len(rows)
            rows.append(row)
            numbers.append(0)
        numbers[places[key]] += 1
    return units[np.array(rows)], np.array(numbers, dtype=np.int64)


def _gap(rows: Floats, totals: Floats) -> Floats:
    """D of the rows of one side, (draws, codes), against the rest."""
    rest = totals - rows
    one = np.cumsum(rows, axis=1) / rows.sum(axis=1, keepdims=True)
    other = np.cumsum(rest, axis=1) / rest.sum(axis=1, keepdims=True)
    return np.asarray(np.abs(one - other).max(axis=1))


def _distance(rows: Floats, totals: Floats) -> Floats:
    """Chi-square distance of the shares of both sides."""
    rest = totals - rows
    difference = rows / rows.sum(axis=1, keepdims=True) - rest / rest.sum(axis=1, keepdims=True)
    return np.asarray((difference**2 / (totals / totals.sum())).sum(axis=1))
