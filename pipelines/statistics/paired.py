"""Difference of two models on the same rows: Tango's score interval, for rows in families and for repeated answers.

A difference is the share of rows that the first model has right minus that of the second. Pure functions; wrong input
is a ValueError.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from pipelines.statistics.proportions import Interval

CONFIDENCE = 0.95
Floats = NDArray[np.float64]

_STEPS = 60  # of the bisection: 2 / 2^60 is below the last digit of a float
_Z_ONE_SIDED, _Z_POWER = 1.645, 0.842  # quantiles of 95 % and of a power of 80 %
_PRIOR_FAMILIES = 0.5  # chosen by simulation: `python -m benchmarks comparison`


@dataclass(frozen=True)
class Pairs:
    """Discordant rows: `first_only` are right in the first model only, of `rows`. Fractions where rows are weighted.

    `families` is the number of independent units; None: every row is one.
    """

    first_only: float
    second_only: float
    rows: float
    families: int | None = None

    def __post_init__(self) -> None:
        discordant = self.first_only + self.second_only
        if (
            self.rows <= 0
            or min(self.first_only, self.second_only) < 0
            or discordant > self.rows * (1 + 1e-9)
        ):
            raise ValueError(
                f"pairs: got {self.first_only:g} and {self.second_only:g} of {self.rows:g} rows, needs counts that "
                "are 0 or more and together at most the rows"
            )

    @property
    def difference(self) -> float:
        """The share of the first model minus that of the second."""
        return (self.first_only - self.second_only) / self.rows

    @property
    def discordant_share(self) -> float:
        """Share of rows that one of the two has right and the other wrong."""
        return (self.first_only + self.second_only) / self.rows


def tango_z(pairs: Pairs, difference: float) -> float:
    """Score statistic of a difference (Tango 1998, Statistics in Medicine 17:891): small for one that is too large."""
    n, b, c = pairs.rows, pairs.first_only, pairs.second_only
    linear = -b - c + (2 * n - b + c) * difference
    constant = -c * difference * (1 - difference)
    root = math.sqrt(max(0.0, linear * linear - 8 * n * constant))
    # Of second-only rows, where the difference is the given one: not negative, also where the squares above underflow.
    share = max(0.0, -difference, (root - linear) / (4 * n))
    variance = n * (2 * share + difference * (1 - difference))
    distance = b - c - n * difference
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def upper_bound(pairs: Pairs, confidence: float = CONFIDENCE) -> float:
    """One-sided upper bound of the difference: the loss of the second model is at most this."""
    return _solve(pairs, -_quantile(pairs.families, confidence))


def lower_bound(pairs: Pairs, confidence: float = CONFIDENCE) -> float:
    """One-sided lower bound of the difference."""
    return _solve(pairs, _quantile(pairs.families, confidence))


def tango_interval(pairs: Pairs, confidence: float = CONFIDENCE) -> Interval:
    """Two-sided score interval of the difference, between -1 and 1."""
    one_sided = (1 + confidence) / 2
    return lower_bound(pairs, one_sided), upper_bound(pairs, one_sided)


def pairs_of(first: Sequence[float], second: Sequence[float], families: Sequence[str]) -> Pairs:
    """The pairs of two models, as many as the rows are worth if they were independent.

    `first` and `second` are right (1), wrong (0), or the mean of repeated answers; `families` names each row's family.
    The counts are divided by the design effect (Rao & Scott 1992, Biometrics 48:577). The bounds then use the t
    distribution of the families.
    """
    if not len(first) == len(second) == len(families) or not families:
        raise ValueError(
            f"rows: got {len(first)}, {len(second)} and {len(families)} families, needs equally many"
        )
    d = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    if not np.all(np.abs(d) <= 1):
        raise ValueError("rows: got a difference outside of -1 to 1, needs numbers from 0 to 1")
    weight, count = _weight(d, families)
    first_only, second_only = (float(np.maximum(side, 0).sum()) / weight for side in (d, -d))
    return Pairs(first_only, second_only, len(d) / weight, families=count)


def rows_to_decide(discordant_share: float, margin: float, loss: float = 0.0) -> int | None:
    """Rows that show with a power of 80 % that a loss is below `margin`; None if the true `loss` is not below it.

    (1.645 + 0.842)² (ψ - loss²) / (margin - loss)² for a share ψ of discordant rows, and at least as many as show it
    without a discordant row.
    """
    if not 0 < margin < 1:
        raise ValueError(f"margin: got {margin}, needs a number between 0 and 1")
    if loss >= margin:
        return None
    spread = max(0.0, discordant_share - loss * loss)
    needed = (_Z_ONE_SIDED + _Z_POWER) ** 2 * spread / (margin - loss) ** 2
    return math.ceil(max(needed, _Z_ONE_SIDED**2 * (1 - margin) / margin))


def _weight(d: Floats, families: Sequence[str]) -> tuple[float, int | None]:
    """How many rows count as one independent row, and the number of families; None where each row is one."""
    total = float(np.abs(d).sum())
    repeats = float((d * d).sum()) / total if total else 1.0  # a mean varies less than one answer
    _, index = np.unique(np.asarray(families), return_inverse=True)
    sizes = np.bincount(index)
    if len(sizes) == len(d):
        return repeats, None
    return repeats * _design_effect(d, index, sizes), len(sizes)


def _design_effect(d: Floats, index: NDArray[np.int64], sizes: NDArray[np.int64]) -> float:
    """Variance of the mean with families over that of independent rows, at least 1.

    Half a family whose rows all agree is added: a few discordant rows say nothing about how families agree, and would
    look independent.
    """
    errors = d - d.mean()
    between = np.bincount(index, weights=errors)
    size = float((sizes * sizes).sum()) / len(d)  # of a row's family
    correction = len(sizes) / (len(sizes) - 1) if len(sizes) > 1 else 1.0
    variance = correction * float((between * between).sum()) + _PRIOR_FAMILIES * size * size
    return max(1.0, variance / (float((errors * errors).sum()) + _PRIOR_FAMILIES * size))


@functools.lru_cache(maxsize=256)
def _quantile(families: int | None, confidence: float) -> float:
    if not 0.5 <= confidence < 1:
        raise ValueError(f"confidence: got {confidence}, needs a number from 0.5 to below 1")
    if families is None:
        return float(ndtri(confidence))
    return float(stdtrit(families - 1, confidence)) if families > 1 else math.inf


def _solve(pairs: Pairs, z: float) -> float:
    """The difference whose statistic is z; the statistic falls with the difference."""
    low, high = -1.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if tango_z(pairs, middle) > z else (low, middle)
    return (low + high) / 2
