"""Two-sample tests: p-values, effect sizes and the rows that a test needs. Pure functions.

Every test keeps its level at any two sizes: exact, or by resampling, wherever the large-sample formula is not safe.
An effect is a number in [0, 1]; a "shift" is a share of rows: at least so many would have to change for the samples to agree.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.spatial.distance import jensenshannon
from scipy.stats import MonteCarloMethod, chi2, chi2_contingency, fisher_exact, ks_2samp, ncx2, norm

Interval = tuple[float, float]
Measure = Literal["kolmogorov_smirnov", "jensen_shannon", "area_under_curve"]

POWER = 0.8  # with which a test is to see a shift
EXACT_ROWS = 10_000  # the exact KS distribution takes 0.04 s at two samples of this size
# Below, chi-square's far tail is off: at 0.001 by a factor of 2.2 where 5 are expected (docs/log.md).
SAFE_COUNT = 50
FEWEST_RESAMPLES, MOST_RESAMPLES = 999, 99_999


@dataclass(frozen=True)
class Outcome:
    """One test. `interval`: 95 %, None where there is no simple one."""

    test: str
    measure: Measure
    effect: float
    interval: Interval | None
    p_value: float


def kolmogorov_smirnov(reference: ArrayLike, current: ArrayLike) -> Outcome:
    """Largest gap D between two empirical distribution functions, two-sided (Smirnov 1939).

    Exact up to EXACT_ROWS on either side; ties make it conservative (`cluster_permutation.compare_numbers` permutes then). Where
    scipy cannot compute the exact value, as for p near 1, it gives that of the limit distribution, and so does the name.
    ValueError for an empty sample or a number that is not finite.
    """
    r, c = finite("reference", reference), finite("current", current)
    exact = max(len(r), len(c)) <= EXACT_ROWS
    with warnings.catch_warnings(record=True) as fallbacks:
        warnings.simplefilter("always", RuntimeWarning)
        result = ks_2samp(r, c, method="exact" if exact else "asymp")
    exact = exact and not fallbacks
    gap = float(result.statistic)
    interval = gap_interval(gap, len(r), len(c))
    return Outcome("KS exact" if exact else "KS", "kolmogorov_smirnov", gap, interval, float(result.pvalue))


def gap_interval(gap: float, reference: float, current: float) -> Interval:
    """95 % interval of D from the bands of both functions, which hold at any size (Massart 1990, Ann. Probab. 18:1269)."""
    band = sum(math.sqrt(math.log(4 / 0.05) / (2 * rows)) for rows in (reference, current))
    return max(0.0, gap - band), min(1.0, gap + band)


def categories(
    reference: Mapping[str, int],
    current: Mapping[str, int],
    *,
    resamples: int = FEWEST_RESAMPLES,
    seed: int = 0,
) -> Outcome:
    """Test whether both rows of a contingency table (counts by category) have the same shares.

    Both rows are samples; the one-sample chi-square, which treats the reference as the truth, alarms on large current
    samples. Two categories: Fisher's exact test. More: Pearson's chi-square where every expected count is at least
    SAFE_COUNT, and otherwise its Monte Carlo form under fixed margins, (1 + as large) / (1 + resamples). The effect is
    the Jensen-Shannon distance without its bias. ValueError for an empty sample or a negative count.
    """
    table = _table(reference, current)
    effect = debiased_jensen_shannon(reference, current, (sum(reference.values()), sum(current.values())))
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    if table.shape[1] == 1:
        return Outcome("one category", "jensen_shannon", effect, None, 1.0)
    if table.shape[1] == 2:
        return Outcome("Fisher", "jensen_shannon", effect, None, float(fisher_exact(table).pvalue))
    if rows.min() * columns.min() / rows.sum() >= SAFE_COUNT:
        p_value = float(chi2_contingency(table, correction=False).pvalue)
        return Outcome("chi-square", "jensen_shannon", effect, None, p_value)
    method = MonteCarloMethod(n_resamples=resamples, rng=np.random.default_rng(seed))
    p_value = float(chi2_contingency(table, correction=False, method=method).pvalue)
    return Outcome("chi-square, resampled", "jensen_shannon", effect, None, p_value)


def jensen_shannon(reference: Mapping[str, int], current: Mapping[str, int]) -> float:
    """Square root of the Jensen-Shannon divergence in bits, in [0, 1] (Lin 1991; Endres & Schindelin 2003)."""
    with np.errstate(invalid="ignore"):
        distance = float(jensenshannon(*_table(reference, current), base=2))
    # Equal shares can have a divergence below zero by rounding, whose root is no number.
    return 0.0 if math.isnan(distance) else min(1.0, distance)


def debiased_jensen_shannon(
    reference: Mapping[str, int], current: Mapping[str, int], sizes: tuple[float, float]
) -> float:
    """The distance without the part that few rows cause; `sizes` are independent rows of both sides.

    Without drift the plain distance averages .13 at 5,000 and 20 rows of three categories. Each of the three entropies of
    the divergence is too small by half the variance of the shares over the shares (Miller 1955).
    """
    table = _table(reference, current).astype(np.float64)
    shares = table / table.sum(axis=1, keepdims=True)
    spread = shares * (1 - shares) / np.array(sizes)[:, None]  # variance of each share
    mixture = shares.mean(axis=0)
    own = sum(float((spread[i][shares[i] > 0] / shares[i][shares[i] > 0]).sum()) for i in (0, 1))
    bias = own / 4 - float((spread.sum(axis=0) / 4 / mixture).sum()) / 2
    divergence = jensen_shannon(reference, current) ** 2 - bias / math.log(2)
    return min(1.0, math.sqrt(max(0.0, divergence)))


# --- how many rows -----------------------------------------------------------------------------------------


def effective_rows(reference: float, current: float) -> float:
    """n·m / (n + m), the size of two samples together; it never exceeds the smaller one."""
    return reference * current / (reference + current) if reference and current else 0.0


def rows_needed(reference: int, current: int, effective: float) -> tuple[int, int]:
    """The fewest rows on both sides with `effective` rows together; the larger side never shrinks."""
    large = max(reference, current, math.ceil(2 * effective))
    small = math.ceil(effective * large / (large - effective))
    return (large, small) if reference >= current else (small, large)


def ks_needs(shift: float, level: float) -> float:
    """Effective rows with which KS sees a D of `shift` with POWER at a level.

    Critical gap of the limit distribution plus the spread of the empirical gap at the widest point, which is at most
    a half over the root (Massey 1950, Ann. Math. Stat. 21:440): so many rows are enough, fewer may be.
    """
    return ((math.sqrt(math.log(2 / level) / 2) + float(norm.ppf(POWER)) / 2) / shift) ** 2


def chi_square_needs(shift: float, level: float, categories: int) -> float:
    """Effective rows with which chi-square sees a total variation distance of `shift` with POWER at a level.

    The noncentrality is at least effective rows · (2 · shift)², by Cauchy and Schwarz.
    """
    freedom = max(1, categories - 1)
    critical = float(chi2.isf(level, freedom))

    def missing(noncentrality: float) -> float:
        return float(ncx2.sf(critical, freedom, noncentrality)) - POWER

    return float(brentq(missing, 1e-9, 10 * (critical + 10))) / (2 * shift) ** 2


def rank_needs(shift: float, level: float) -> float:
    """Effective rows with which a one-sided rank test sees an area under the curve of ½ + shift/2 with POWER.

    Noether (1987, JASA 82:645). A classifier has to learn first, so it needs at least these.
    """
    return (float(norm.isf(level)) + float(norm.ppf(POWER))) ** 2 / (3 * shift**2)


def shift_seen(needs: Callable[[float, float], float], effective: float, level: float) -> float:
    """Smallest shift that a test sees with POWER: its needs fall with the square of the shift. At most 1."""
    return min(1.0, math.sqrt(needs(1.0, level) / effective))


def resamples_for(level: float) -> int:
    """Resamples whose smallest p-value is a tenth of a level, within bounds."""
    return min(MOST_RESAMPLES, max(FEWEST_RESAMPLES, math.ceil(10 / level) - 1))


def finite(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """The numbers as an array. ValueError that names the sample, if it is empty or has others than finite ones."""
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        raise ValueError(f"{name}: got no values, needs at least one")
    wrong = array[~np.isfinite(array)]
    if wrong.size:
        raise ValueError(f"{name}: got {wrong[0]}, needs finite numbers")
    return array


def _table(reference: Mapping[str, int], current: Mapping[str, int]) -> NDArray[Any]:
    """Counts as two rows, with a column for each category that occurs."""
    names = sorted({name for side in (reference, current) for name, count in side.items() if count})
    table = np.array([[side.get(name, 0) for name in names] for side in (reference, current)])
    if table.size == 0 or not table.sum(axis=1).all() or (table < 0).any():
        counts = (dict(reference), dict(current))
        raise ValueError(f"counts: got {counts}, needs counts of at least 0 and one row on either side")
    return table
