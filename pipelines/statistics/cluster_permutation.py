"""Two-sample tests of rows that come in clusters, such as a text that is sent again. Pure functions.

Rows of one cluster are not independent, so the tests permute clusters between the samples, never rows. A cluster that is in
both samples is two units: more rows alone then never look like another distribution. Measured sizes: docs/log.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipelines.statistics.clustered import Clustered, ClusteredRows
from pipelines.statistics.gaps import SortedNumbers
from pipelines.statistics.profiles import Coding, Profiles
from pipelines.statistics.resampling import Floats, sequential_p_value
from pipelines.statistics.streamed import StreamedNumbers
from pipelines.statistics.two_sample import (
    FEWEST_RESAMPLES,
    Outcome,
    categories,
    debiased_jensen_shannon,
    gap_interval,
)

__all__ = ["Clustered", "ClusteredRows", "compare_labels", "compare_numbers"]

MOST_TIES = 0.2  # share of the most frequent value; above, the exact KS distribution is nearly blind
MOST_IN_MEMORY = 1 << 20  # numbers, 8 MiB
_BINS = 200  # of a number in a permutation; a gap between two of them loses at most half a percent
_DRAWN_AT_ONCE = 4_000_000  # counts, 32 MB

Statistic = Callable[[Floats, Floats], Floats]


def compare_numbers(
    reference: ClusteredRows, current: ClusteredRows, *, resamples: int = FEWEST_RESAMPLES, seed: int = 0
) -> Outcome:
    """Largest gap D of two distribution functions: exact where rows are independent and ties few, else permuted.

    The interval of D is of the effective rows. ValueError for an empty sample or a number that is not finite. Up to
    MOST_IN_MEMORY rows are sorted in memory; more are read in blocks, with the same D.
    """
    many = len(reference) + len(current) > MOST_IN_MEMORY
    numbers = (StreamedNumbers if many else SortedNumbers)(reference, current)
    exact = numbers.outcome
    clustered = reference.repeats or current.repeats
    if not clustered and not numbers.is_tied(MOST_TIES):
        return exact
    code, width = numbers.coding(_BINS)
    del numbers
    p_value = _p_value((reference, current), (code, code), width, _gap, resamples, seed)
    return replace(
        exact,
        test="KS, clustered" if clustered else "KS, permuted",
        interval=gap_interval(exact.effect, reference.effective, current.effective),
        p_value=p_value,
    )


def compare_labels(
    reference: ClusteredRows, current: ClusteredRows, *, resamples: int = FEWEST_RESAMPLES, seed: int = 0
) -> Outcome:
    """Whether both samples have the same shares of labels; `categories` where rows are independent.

    ValueError for an empty sample.
    """
    counts = reference.counts(), current.counts()
    names = sorted({*counts[0], *counts[1]})
    if not (reference.repeats or current.repeats) or len(names) < 2:
        return categories(*counts, resamples=resamples, seed=seed)
    coding = _label_coding(reference, names), _label_coding(current, names)
    p_value = _p_value((reference, current), coding, len(names), _distance, resamples, seed)
    effect = debiased_jensen_shannon(*counts, (reference.effective, current.effective))
    return Outcome("chi-square, clustered", "jensen_shannon", effect, None, p_value)


def _label_coding(sample: ClusteredRows, names: list[str]) -> Coding:
    """From the sample's own codes to places in `names`."""
    place = {name: number for number, name in enumerate(names)}
    lookup = np.array([place.get(name, 0) for name in sample.labels], dtype=np.int64)
    return lambda values: lookup[values.astype(np.int64)]


def _p_value(
    samples: tuple[ClusteredRows, ClusteredRows],
    coding: tuple[Coding, Coding],
    width: int,
    statistic: Statistic,
    resamples: int,
    seed: int,
) -> float:
    """Units are permuted between the samples. Units of one profile are alike, so counts of each profile are drawn."""
    both = Profiles.of(samples, coding, width)
    profiles, counts = both.matrix()
    totals = (both.totals[0] + both.totals[1]).astype(np.float64)
    # Drawing the smaller side is faster; the statistic is the same for both.
    smaller = 0 if both.units[0] <= both.units[1] else 1
    rng = np.random.default_rng(seed)

    def draw(count: int) -> Floats:
        units = rng.multivariate_hypergeometric(counts, both.units[smaller], size=count, method="marginals")
        return statistic(np.asarray((profiles.T @ units.T).T, dtype=np.float64), totals)

    observed = both.totals[smaller].astype(np.float64).reshape(1, -1)
    at_once = max(1, min(250, _DRAWN_AT_ONCE // len(counts)))
    return sequential_p_value(draw, float(statistic(observed, totals)[0]), resamples, at_once)


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
