"""The tests of two samples against enumeration, scipy and their own level and power."""

from functools import partial
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import binom, hypergeom, mannwhitneyu, norm

from pipelines.statistics import two_sample
from pipelines.statistics.two_sample import categories, effective_rows, kolmogorov_smirnov, rows_needed

LEVEL, RUNS = 0.05, 300
# A right test exceeds this with a probability of 0.001, a right power stays above that.
MOST_ALARMS = int(binom.isf(0.001, RUNS, LEVEL))
FEWEST_HITS = int(binom.ppf(0.001, RUNS, two_sample.POWER))
SIZES = [(5000, 20), (5000, 50), (5000, 100), (40, 40), (200, 3000)]
NEEDS = {"KS": two_sample.ks_needs, "3 categories": partial(two_sample.chi_square_needs, categories=3)}

sizes = st.integers(0, 5000)


def counts(values):
    names, numbers = np.unique(np.asarray(values).astype(str), return_counts=True)
    return dict(zip(names, map(int, numbers), strict=True))


def draw_counts(rng, rows, shares):
    return {str(i): int(n) for i, n in enumerate(rng.multinomial(rows, shares))}


def by_enumeration(reference, current, statistic):
    """Share of all ways to split the pooled values whose statistic is as large as the observed one."""
    pooled = [*reference, *current]
    observed, as_large, splits = statistic(reference, current), 0, 0
    for split in combinations(range(len(pooled)), len(reference)):
        one = [pooled[i] for i in split]
        other = [pooled[i] for i in range(len(pooled)) if i not in split]
        as_large += statistic(one, other) >= observed - 1e-12
        splits += 1
    return as_large / splits


def gap(one, other):
    return max(
        abs(sum(x <= v for x in one) / len(one) - sum(x <= v for x in other) / len(other))
        for v in [*one, *other]
    )


def chi_square(one, other):
    total = 0.0
    for name in {*one, *other}:
        column = one.count(name) + other.count(name)
        for side in (one, other):
            expected = column * len(side) / (len(one) + len(other))
            total += (side.count(name) - expected) ** 2 / expected
    return total


# --- Kolmogorov and Smirnov -------------------------------------------------------------------------------


@pytest.mark.parametrize("moved", [0.0, 0.4, 3.0])
def test_ks_is_exact_on_small_samples(moved):
    rng = np.random.default_rng(1)
    reference, current = list(rng.random(6)), list(rng.random(5) + moved)
    outcome = kolmogorov_smirnov(reference, current)
    assert outcome.test == "KS exact"
    assert outcome.effect == pytest.approx(gap(reference, current))
    assert outcome.p_value == pytest.approx(by_enumeration(reference, current, gap))


def test_ties_make_ks_conservative():
    reference, current = [1, 1, 2, 2, 3, 3], [2, 3, 3, 3, 4]
    assert kolmogorov_smirnov(reference, current).p_value >= by_enumeration(reference, current, gap)


def test_constant_columns_agree_or_differ_wholly():
    same = kolmogorov_smirnov([0.5] * 30, [0.5] * 20)
    assert (same.effect, same.p_value) == (0.0, 1.0)
    apart = kolmogorov_smirnov([0.5] * 30, [0.6] * 20)
    assert apart.effect == 1.0
    assert apart.p_value < 1e-9


def test_large_samples_use_the_limit_distribution():
    rng = np.random.default_rng(2)
    reference = rng.random(two_sample.EXACT_ROWS + 1)
    outcome = kolmogorov_smirnov(reference, rng.random(500))
    assert outcome.test == "KS"
    assert outcome.p_value == pytest.approx(
        kolmogorov_smirnov(reference[:-1], rng.random(500)).p_value, abs=1
    )


def test_the_interval_of_d_holds_the_true_gap():
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(RUNS):
        low, high = kolmogorov_smirnov(rng.random(60), rng.random(40) + 0.3).interval
        inside += low <= 0.3 <= high
    assert inside >= binom.ppf(0.001, RUNS, 0.95)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_ks_names_a_value_that_is_not_finite(wrong):
    with pytest.raises(ValueError, match=r"current: got (nan|inf), needs finite numbers"):
        kolmogorov_smirnov([0.1, 0.2], [0.1, wrong])


def test_ks_names_an_empty_sample():
    with pytest.raises(ValueError, match="reference: got no values"):
        kolmogorov_smirnov([], [0.1])


# --- categories -------------------------------------------------------------------------------------------


def test_two_categories_are_tested_exactly():
    outcome = categories({"yes": 7, "no": 3}, {"yes": 2, "no": 9})
    law = hypergeom(21, 9, 10)
    ways = [law.pmf(k) for k in range(10)]
    assert outcome.test == "Fisher"
    assert outcome.p_value == pytest.approx(sum(p for p in ways if p <= law.pmf(7) * (1 + 1e-9)))


def test_sparse_categories_are_resampled_to_the_exact_value():
    reference, current = list("aaaabc"), list("bbcca")
    outcome = categories(counts(reference), counts(current), resamples=9999)
    assert outcome.test == "chi-square, resampled"
    assert outcome.p_value == pytest.approx(by_enumeration(reference, current, chi_square), abs=0.02)


def test_many_rows_use_the_limit_distribution_and_both_sides_count_alike():
    reference, current = {"a": 500, "b": 300, "c": 200}, {"a": 450, "b": 350, "c": 200}
    outcome, swapped = categories(reference, current), categories(current, reference)
    assert outcome.test == "chi-square"
    # 2 · (500·450 … ) by hand: the expected counts are the means of both sides.
    assert outcome.p_value == pytest.approx(np.exp(-(2 * 25**2 / 475 + 2 * 25**2 / 325) / 2))
    assert swapped == outcome


def test_one_category_is_no_drift():
    outcome = categories({"yes": 40, "no": 0}, {"yes": 30})
    assert (outcome.effect, outcome.p_value) == (0.0, 1.0)


@pytest.mark.parametrize("wrong", [{}, {"yes": 0}, {"yes": -1, "no": 5}])
def test_impossible_counts_are_named(wrong):
    with pytest.raises(ValueError, match="counts: got"):
        categories({"yes": 3, "no": 2}, wrong)


@given(
    st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any),
    st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any),
)
def test_jensen_shannon_is_that_of_scipy(one, other):
    reference, current = dict(zip("abcd", one, strict=True)), dict(zip("abcd", other, strict=True))
    expected = np.nan_to_num(jensenshannon(one, other, base=2))
    assert two_sample.jensen_shannon(reference, current) == pytest.approx(expected, abs=1e-7)


def test_jensen_shannon_runs_from_equal_to_disjoint():
    assert two_sample.jensen_shannon({"a": 3, "b": 1}, {"a": 30, "b": 10}) == 0.0
    assert two_sample.jensen_shannon({"a": 3}, {"b": 7}) == 1.0


# --- level and power --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reference", "current"), SIZES)
@pytest.mark.parametrize("decimals", [16, 1])
def test_ks_keeps_its_level_at_any_sizes(reference, current, decimals):
    rng = np.random.default_rng(4)
    draw = lambda rows: np.round(rng.beta(2, 3, rows), decimals)  # noqa: E731
    alarms = sum(kolmogorov_smirnov(draw(reference), draw(current)).p_value <= LEVEL for _ in range(RUNS))
    assert alarms <= MOST_ALARMS


@pytest.mark.parametrize(("reference", "current"), SIZES)
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.95, 0.05), (0.5, 0.3, 0.2), (0.96, 0.02, 0.02)])
def test_categories_keep_their_level_at_any_sizes(reference, current, shares):
    rng = np.random.default_rng(5)
    alarms = sum(
        categories(
            draw_counts(rng, reference, shares), draw_counts(rng, current, shares), resamples=199, seed=i
        ).p_value
        <= LEVEL
        for i in range(RUNS)
    )
    assert alarms <= MOST_ALARMS


@pytest.mark.parametrize("rows", [0, 200, 5000])
def test_with_the_rows_needed_ks_sees_the_shift(rows):
    """Half of the current rows leave the reference's range: a gap of one half."""
    rng = np.random.default_rng(6)
    reference, current = rows_needed(rows, 0, two_sample.ks_needs(0.5, LEVEL))
    hits = 0
    for _ in range(RUNS):
        moved = rng.random(current) + (rng.random(current) < 0.5)
        hits += kolmogorov_smirnov(rng.random(reference), moved).p_value <= LEVEL
    assert hits >= FEWEST_HITS


@pytest.mark.parametrize("rows", [0, 5000])
@pytest.mark.parametrize(
    ("before", "after"), [((0.75, 0.25), (0.25, 0.75)), ((0.6, 0.3, 0.1), (0.1, 0.45, 0.45))]
)
def test_with_the_rows_needed_categories_see_the_shift(rows, before, after):
    rng = np.random.default_rng(7)
    needed = two_sample.chi_square_needs(0.5, LEVEL, len(before))
    reference, current = rows_needed(rows, 0, needed)
    hits = sum(
        categories(
            draw_counts(rng, reference, before), draw_counts(rng, current, after), resamples=199, seed=i
        ).p_value
        <= LEVEL
        for i in range(RUNS)
    )
    assert hits >= FEWEST_HITS


# --- rows -------------------------------------------------------------------------------------------------


@given(sizes, sizes, st.floats(1, 500))
def test_the_rows_needed_are_enough_and_not_one_too_many(reference, current, effective):
    r, c = rows_needed(reference, current, effective)
    assert effective_rows(r, c) >= effective * (1 - 1e-9)
    assert max(r, c) >= max(reference, current)
    small, large = sorted((r, c))
    assert effective_rows(large, small - 1) < effective
    assert (r >= c) is (reference >= current) or r == c


def test_a_large_side_replaces_no_more_than_half():
    assert rows_needed(10**6, 3, 20) == (10**6, 21)
    assert rows_needed(0, 0, 20) == (40, 40)


@pytest.mark.parametrize("name", NEEDS)
@pytest.mark.parametrize("level", [0.05, 0.001])
def test_the_shift_seen_is_the_one_that_so_many_rows_are_needed_for(name, level):
    needs = NEEDS[name]
    assert two_sample.shift_seen(needs, needs(0.2, level), level) == pytest.approx(0.2)
    assert two_sample.shift_seen(needs, 1, level) == 1.0


def test_with_the_rows_needed_a_rank_test_sees_the_shift():
    """Normal values moved by 0.954 standard deviations: an area under the curve of 0.75."""
    rng = np.random.default_rng(8)
    reference, current = rows_needed(0, 0, two_sample.rank_needs(0.5, LEVEL))
    hits = 0
    for _ in range(RUNS):
        moved = rng.normal(np.sqrt(2) * norm.ppf(0.75), size=current)
        hits += mannwhitneyu(moved, rng.normal(size=reference), alternative="greater").pvalue <= LEVEL
    assert hits >= FEWEST_HITS


@pytest.mark.parametrize(("level", "resamples"), [(0.05, 999), (0.001, 9_999), (1e-9, 99_999)])
def test_resamples_reach_below_the_level_within_bounds(level, resamples):
    assert two_sample.resamples_for(level) == resamples


def test_the_distance_of_few_rows_without_drift_is_near_nought():
    """The plain distance averages .13 at 5,000 and 20 rows."""
    rng = np.random.default_rng(9)
    pairs = [
        (draw_counts(rng, 5000, (0.5, 0.3, 0.2)), draw_counts(rng, 20, (0.5, 0.3, 0.2))) for _ in range(RUNS)
    ]
    squares = [two_sample.debiased_jensen_shannon(*pair, (5000, 20)) ** 2 for pair in pairs]
    plain = [two_sample.jensen_shannon(*pair) ** 2 for pair in pairs]
    assert np.mean([two_sample.jensen_shannon(*pair) for pair in pairs]) > 0.1
    assert np.median(squares) < 0.2 * np.median(plain)
    assert categories(*pairs[0]).effect == two_sample.debiased_jensen_shannon(*pairs[0], (5000, 20))


def test_the_distance_of_disjoint_samples_has_no_bias():
    assert two_sample.debiased_jensen_shannon({"a": 3}, {"b": 7}, (3, 7)) == 1.0


def test_a_value_that_scipy_cannot_compute_exactly_is_not_called_exact():
    rng = np.random.default_rng(10)
    one = rng.random(150)
    outcome = kolmogorov_smirnov(one, np.sort(one) + 1e-9)
    assert (outcome.test, outcome.p_value) == ("KS", pytest.approx(1.0))
