"""Statistics of an evaluation: pure functions of counts, probabilities and labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binomtest, norm, rankdata

SMALL_SAMPLE = 200  # below this Clopper-Pearson, which never undercovers; from here on Wilson
Interval = tuple[float, float]
Floats = NDArray[np.float64]


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927, JASA 22:209). No trials: (0, 1)."""
    _check_counts(successes, trials, confidence)
    if trials == 0:
        return 0.0, 1.0
    z = float(norm.ppf((1 + confidence) / 2))
    share, shrink = successes / trials, 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == trials else min(1.0, middle + half)
    return low, high


def clopper_pearson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Exact interval of a proportion (Clopper & Pearson 1934, Biometrika 26:404). No trials: (0, 1)."""
    _check_counts(successes, trials, confidence)
    if trials == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(beta.ppf(tail, successes, trials - successes + 1))
    high = 1.0 if successes == trials else float(beta.ppf(1 - tail, successes + 1, trials - successes))
    return low, high


def accuracy_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Clopper-Pearson below 200 labels, Wilson from there on."""
    method = clopper_pearson_interval if trials < SMALL_SAMPLE else wilson_interval
    return method(successes, trials, confidence)


def brier_score(p_yes: Sequence[float], labels: Sequence[bool]) -> float:
    """Mean squared error of the probability (Brier 1950)."""
    p, y = _checked(p_yes, labels)
    return float(np.mean((p - y) ** 2))


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram: [low, high), the last one closed."""

    low: float
    high: float
    count: int
    mean_p_yes: float | None
    share_yes: float | None


def reliability(p_yes: Sequence[float], labels: Sequence[bool], bins: int = 10) -> list[Bin]:
    """Equal-width bins of p(yes) with what was said and what was true; empty bins hold None."""
    if bins < 1:
        raise ValueError(f"bins: got {bins}, needs at least 1")
    p, y = _checked(p_yes, labels)
    edges = [i / bins for i in range(bins + 1)]
    # Compared with the edges themselves: p · bins rounds, and would put a p next to an edge beyond it.
    index = np.searchsorted(edges[1:-1], p, side="right")
    found = []
    for i in range(bins):
        inside = index == i
        count = int(inside.sum())
        means = (float(p[inside].mean()), float(y[inside].mean())) if count else (None, None)
        found.append(Bin(edges[i], edges[i + 1], count, *means))
    return found


def expected_calibration_error(p_yes: Sequence[float], labels: Sequence[bool], bins: int = 10) -> float:
    """Count-weighted mean gap between p(yes) and the share of yes over equal-width bins (Naeini et al. 2015)."""
    total = len(p_yes)
    return sum(
        row.count / total * abs(row.mean_p_yes - row.share_yes)
        for row in reliability(p_yes, labels, bins)
        if row.mean_p_yes is not None and row.share_yes is not None
    )


def area_under_curve(p_yes: Sequence[float], labels: Sequence[bool]) -> float | None:
    """Probability that a yes outranks a no, ties counting half (Mann-Whitney). None with one class only."""
    p, y = _checked(p_yes, labels)
    positives = int(y.sum())
    negatives = len(y) - positives
    if not positives or not negatives:
        return None
    ranks = rankdata(p)
    return float((ranks[y == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def mcnemar_p_value(first_right: Sequence[bool], second_right: Sequence[bool]) -> float:
    """Exact two-sided test that two models on the same rows are equally often right (McNemar 1947)."""
    if len(first_right) != len(second_right):
        raise ValueError(f"second_right: got {len(second_right)} rows, first_right has {len(first_right)}")
    only_first = sum(a and not b for a, b in zip(first_right, second_right, strict=True))
    only_second = sum(b and not a for a, b in zip(first_right, second_right, strict=True))
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second, 0.5).pvalue)


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
    values: Sequence[float], wanted: Sequence[float] = (0.5, 0.9, 0.95, 0.99)
) -> dict[float, float]:
    """Quantiles by linear interpolation (Hyndman & Fan type 7, numpy's default)."""
    if len(values) == 0:  # not `not values`: an array has no truth
        raise ValueError("values: got none, needs at least one")
    for value in values:
        if not math.isfinite(value):
            raise ValueError(f"values: got {value}, needs finite numbers")
    for q in wanted:
        if not 0 <= q <= 1:
            raise ValueError(f"wanted: got {q}, needs to lie in [0, 1]")
    return {q: float(v) for q, v in zip(wanted, np.quantile(values, wanted), strict=True)}


def _is_bullet(line: str) -> bool:
    head, _, _ = line.strip().replace("\t", " ").partition(" ")
    return head in {"-", "*", "•"} or (head.endswith(".") and head[:-1].isdecimal())


def _check_counts(successes: int, trials: int, confidence: float) -> None:
    if trials < 0 or not 0 <= successes <= trials:
        raise ValueError(f"successes: got {successes} of {trials} trials, needs 0 ≤ successes ≤ trials")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: got {confidence}, needs to lie between 0 and 1")


def _checked(p_yes: Sequence[float], labels: Sequence[bool]) -> tuple[Floats, Floats]:
    p, y = np.asarray(p_yes, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if p.size == 0 or p.shape != y.shape:
        raise ValueError(
            f"labels: got {y.size} for {p.size} probabilities, needs equally many and at least one"
        )
    wrong = p[~((p >= 0) & (p <= 1))]  # NaN fails both comparisons
    if wrong.size:
        raise ValueError(f"p_yes: got {wrong[0]}, needs to lie in [0, 1]")
    strange = y[(y != 0) & (y != 1)]
    if strange.size:
        raise ValueError(f"labels: got {strange[0]:g}, needs true or false")
    return p, y
