"""Statistics of rows in families: paraphrases of one argument are no independent evidence. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

from scipy.special import betaincinv, stdtrit

from pipelines.statistics.proportions import Interval, clopper_pearson_interval

FEWEST_FAMILIES = 10  # with fewer, the spread between families is unknown, and a family counts as one row


def family_interval(
    right: Sequence[float], families: Sequence[Hashable], confidence: float = 0.95
) -> Interval:
    """Interval of the mean of `right`, true or false or a share of repeats, for statements about new families.

    Korn & Graubard (1998, Survey Methodology 24:193): Clopper-Pearson with the number of independent rows that have
    the variance between families. If each family has one row, it is the exact interval of the rows. With fewer than ten
    families, or with rows that are all right or all wrong, the variance cannot be estimated, and each family counts as
    one row. No rows: (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: got {confidence}, needs a number between 0 and 1")
    if not right:
        return 0.0, 1.0
    rows = effective_rows_of_families(right, families, confidence)
    total = sum(right)
    if rows == len(right) and total == int(total):
        return clopper_pearson_interval(int(total), len(right), confidence)
    hits = total / len(right) * rows
    tail = (1 - confidence) / 2
    low = 0.0 if hits <= 0 else float(betaincinv(hits, rows - hits + 1, tail))
    high = 1.0 if hits >= rows else float(betaincinv(hits + 1, rows - hits, 1 - tail))
    return low, high


def effective_rows_of_families(
    right: Sequence[float], families: Sequence[Hashable], confidence: float = 0.95
) -> float:
    """How many independent rows say as much as these; at most the number of rows.

    The variance of the share is the linearized one of a ratio of totals (Cochran 1977, Sampling Techniques, 11.12):
    G / (G - 1) · Σ (r_g - share · n_g)² / n². Few families estimate it badly, so that the number is multiplied by the
    square of the quotient of the t quantiles of n - 1 and G - 1 degrees of freedom, as Korn & Graubard do.
    """
    if len(right) != len(families):
        raise ValueError(f"families: got {len(families)}, there are {len(right)} rows")
    sizes: Counter[Hashable] = Counter(families)
    hits: dict[Hashable, float] = defaultdict(float)
    for hit, family in zip(right, families, strict=True):
        hits[family] += hit
    total, groups = len(right), len(sizes)
    if groups == total:
        return float(total)
    share = sum(right) / total
    if groups < FEWEST_FAMILIES or share in (0.0, 1.0):
        return float(groups)
    squares = sum((hits[family] - share * size) ** 2 for family, size in sizes.items())
    variance = groups / (groups - 1) * squares / total**2
    if variance == 0:
        return float(total)
    tail = (1 - confidence) / 2
    few = (stdtrit(total - 1, tail) / stdtrit(groups - 1, tail)) ** 2
    return float(min(total, share * (1 - share) / variance * few))


def family_p_value(first: Sequence[bool], second: Sequence[bool], families: Sequence[Hashable]) -> float:
    """Exact two-sided test that two models are equally often right, over families: McNemar's for families of one row.

    Under the hypothesis, the two models are exchangeable in each family. So the p-value is the share of the assignments,
    of all 2^G, whose difference of right rows is at least as large. Computed as a convolution of whole numbers.
    """
    if not len(first) == len(second) == len(families):
        raise ValueError(f"rows: got {len(first)}, {len(second)} and {len(families)} families, needs as many")
    differences: dict[Hashable, int] = defaultdict(int)
    for one, other, family in zip(first, second, families, strict=True):
        differences[family] += int(one) - int(other)
    sums: dict[int, float] = {0: 1.0}
    for difference in filter(None, differences.values()):
        following: dict[int, float] = defaultdict(float)
        for value, probability in sums.items():
            following[value + difference] += probability / 2
            following[value - difference] += probability / 2
        sums = following
    seen = abs(sum(differences.values()))
    return min(1.0, sum(probability for value, probability in sums.items() if abs(value) >= seen))


def round_robin(families: Sequence[Hashable]) -> list[int]:
    """Positions in an order that takes one row of each family in turn; its start has as many families as possible."""
    turns: Counter[Hashable] = Counter()
    keys = []
    for position, family in enumerate(families):
        keys.append((turns[family], position))
        turns[family] += 1
    return [position for _, position in sorted(keys)]
