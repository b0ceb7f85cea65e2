"""Statistics of an evaluation: pure functions of counts, probabilities and labels. Wrong input is a ValueError."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betaincinv, ndtri

SMALL_SAMPLE = 200  # labels, below which an estimate uses the labels alone
FLOOR_DRAWS = 999
Interval = tuple[float, float]
Floats = NDArray[np.float64]


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927, JASA 22:209). No trials: (0, 1)."""
    _check_counts(successes, trials, confidence)
    z = float(ndtri((1 + confidence) / 2))
    if trials == 0 or math.isinf(z):  # a confidence that rounds to 1
        return 0.0, 1.0
    weight = 2 * (trials + z * z)
    center = (2 * successes + z * z) / weight
    half = z / weight * math.sqrt(z * z + 4 * successes * (trials - successes) / trials)
    return (center - half if successes else 0.0), (center + half if successes < trials else 1.0)


def clopper_pearson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Exact interval of a proportion (Clopper & Pearson 1934, Biometrika 26:404). No trials: (0, 1)."""
    _check_counts(successes, trials, confidence)
    tail = (1 - confidence) / 2
    low = float(betaincinv(successes, trials - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, trials - successes, 1 - tail)) if successes < trials else 1.0
    return low, high


def accuracy_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Clopper-Pearson of independent rows, which never covers too little. Rows in families need `family_interval`.

    Wilson covers .925 of 95 % at 200 rows and a share of .998, so it is not used from any number of rows on.
    """
    return clopper_pearson_interval(successes, trials, confidence)


def brier_score(p_yes: Sequence[float], labels: Sequence[bool]) -> float:
    """Mean squared error of the probability (Brier 1950)."""
    p, y = _as_arrays(p_yes, labels)
    return float(np.mean((p - y) ** 2))


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram: [low, high), the last one closed."""

    low: float
    high: float
    count: int
    mean_probability: float | None
    share_true: float | None


def reliability(p_yes: Sequence[float], labels: Sequence[bool], bins: int = 10) -> list[Bin]:
    """Equal-width bins of a probability, each with its mean and its share of true labels; None in empty bins."""
    if bins < 1:
        raise ValueError(f"bins: got {bins}, needs at least 1")
    p, y = _as_arrays(p_yes, labels)
    edges = [i / bins for i in range(bins + 1)]
    # Compared with the edges themselves: p · bins rounds, and would put a p next to an edge beyond it.
    index = np.searchsorted(edges[1:-1], p, side="right")
    rows = []
    for i in range(bins):
        inside = index == i
        count = int(inside.sum())
        means = (float(p[inside].mean()), float(y[inside].mean())) if count else (None, None)
        rows.append(Bin(edges[i], edges[i + 1], count, *means))
    return rows


def expected_calibration_error(p_yes: Sequence[float], labels: Sequence[bool], bins: int = 10) -> float:
    """Count-weighted mean gap between probability and share of true labels over equal-width bins (Naeini et al. 2015).

    It is of the probability, not of the verdict, whose cut-off may be elsewhere. `calibration_error_floor` is what
    chance alone gives.
    """
    total = len(p_yes)
    return sum(
        row.count / total * abs(row.mean_probability - row.share_true)
        for row in reliability(p_yes, labels, bins)
        if row.mean_probability is not None and row.share_true is not None
    )


def calibration_error_floor(
    p_yes: Sequence[float], bins: int = 10, *, quantile: float = 0.95, seed: int = 0
) -> float:
    """What the expected calibration error of perfect probabilities stays below in 95 % of the cases, on as many rows.

    Labels are drawn from the probabilities themselves (Bröcker & Smith 2007, Weather and Forecasting 22:651). An error
    below this floor is what chance gives.
    """
    p, _ = _as_arrays(p_yes, [False] * len(p_yes))
    edges = [i / bins for i in range(bins + 1)]
    index = np.searchsorted(edges[1:-1], p, side="right")
    draws = np.random.default_rng(seed).random((FLOOR_DRAWS, len(p))) < p
    gaps = np.zeros(FLOOR_DRAWS)
    for number in range(bins):
        inside = index == number
        gaps += np.abs(draws[:, inside].sum(axis=1) - p[inside].sum()) / len(p)
    return float(np.quantile(gaps, quantile))


def area_under_curve(p_yes: Sequence[float], labels: Sequence[bool]) -> float | None:
    """Probability that a yes outranks a no, ties counting half (Mann-Whitney). None with one class only."""
    p, y = _as_arrays(p_yes, labels)
    positives = int(y.sum())
    pairs = positives * (len(y) - positives)
    if not pairs:
        return None
    _, places, counts = np.unique(p, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # of equal values their mean
    return float((ranks[places] * y).sum() - positives * (positives + 1) / 2) / pairs


def mcnemar_p_value(first_right: Sequence[bool], second_right: Sequence[bool]) -> float:
    """Exact two-sided test that two models on the same rows are equally often right (McNemar 1947)."""
    if len(first_right) != len(second_right):
        raise ValueError(f"second_right: got {len(second_right)} rows, first_right has {len(first_right)}")
    only_first = sum(a and not b for a, b in zip(first_right, second_right, strict=True))
    only_second = sum(b and not a for a, b in zip(first_right, second_right, strict=True))
    discordant = only_first + only_second
    return min(1.0, 2 * float(bdtr(min(only_first, only_second), discordant, 0.5)))


@dataclass(frozen=True)
class LengthStatistics:
    """Mean length of answers."""

    characters: float
    words: float
    bullets: float


def answer_lengths(answers: Sequence[str]) -> LengthStatistics | None:
    """Means over answers; a bullet is a line that starts with -, *, • or a number and a dot. None for none."""
    if not answers:
        return None
    bullets = [sum(_is_bullet(line) for line in answer.splitlines()) for answer in answers]
    return LengthStatistics(
        float(np.mean([len(answer) for answer in answers])),
        float(np.mean([len(answer.split()) for answer in answers])),
        float(np.mean(bullets)),
    )


def quantiles(
    values: Sequence[float], probabilities: Sequence[float] = (0.5, 0.9, 0.95, 0.99)
) -> dict[float, float]:
    """Quantiles by linear interpolation (Hyndman & Fan type 7, numpy's default)."""
    if len(values) == 0:  # not `not values`: an array has no truth
        raise ValueError("values: got none, needs at least one")
    for value in values:
        if not math.isfinite(value):
            raise ValueError(f"values: got {value}, needs finite numbers")
    for q in probabilities:
        if not 0 <= q <= 1:
            raise ValueError(f"probabilities: got {q}, needs numbers in [0, 1]")
    return {q: float(v) for q, v in zip(probabilities, np.quantile(values, probabilities), strict=True)}


def _is_bullet(line: str) -> bool:
    head, _, _ = line.strip().replace("\t", " ").partition(" ")
    return head in {"-", "*", "•"} or (head.endswith(".") and head[:-1].isdecimal())


def _check_counts(successes: int, trials: int, confidence: float) -> None:
    if trials < 0 or not 0 <= successes <= trials:
        raise ValueError(f"successes: got {successes} of {trials} trials, needs 0 ≤ successes ≤ trials")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: got {confidence}, needs a number between 0 and 1")


def _as_arrays(p_yes: Sequence[float], labels: Sequence[bool]) -> tuple[Floats, Floats]:
    p, y = np.asarray(p_yes, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if p.size == 0 or p.shape != y.shape:
        raise ValueError(
            f"labels: got {y.size} for {p.size} probabilities, needs equally many and at least one"
        )
    wrong = p[~((p >= 0) & (p <= 1))]  # NaN fails both comparisons
    if wrong.size:
        raise ValueError(f"p_yes: got {wrong[0]}, needs numbers in [0, 1]")
    strange = y[(y != 0) & (y != 1)]
    if strange.size:
        raise ValueError(f"labels: got {strange[0]:g}, needs true or false")
    return p, y
