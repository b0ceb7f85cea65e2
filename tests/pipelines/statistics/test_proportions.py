"""The statistics against independent references: closed forms, scipy, scikit-learn, and their own properties."""

from math import comb, erf, isclose, nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score

from pipelines.statistics import proportions

CONFIDENCES = (0.5, 0.8, 0.95, 0.999)
counts = st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
pairs = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)
METHODS = {"wilson": proportions.wilson_interval, "exact": proportions.clopper_pearson_interval}


def split(rows):
    """Two columns of a list of pairs."""
    return [first for first, _ in rows], [second for _, second in rows]


# --- intervals of a proportion ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize(
    ("successes", "trials"), [(0, 1), (1, 1), (0, 7), (7, 7), (3, 8), (50, 100), (255, 256)]
)
def test_intervals_are_those_of_scipy(name, confidence, successes, trials):
    reference = binomtest(successes, trials).proportion_ci(confidence, method=name)
    assert METHODS[name](successes, trials, confidence) == pytest.approx(
        (reference.low, reference.high), abs=1e-12
    )


@given(counts.filter(lambda c: c[1] > 0), st.sampled_from(CONFIDENCES))
def test_wilsons_bounds_solve_his_equation(count, confidence):
    """|share - p| = z · sqrt(p (1 - p) / n) at both bounds; z from the normal distribution by bisection."""
    successes, trials = count
    z = two_sided_z(confidence)
    for p in proportions.wilson_interval(successes, trials, confidence):
        assert abs(successes / trials - p) == pytest.approx(z * sqrt(p * (1 - p) / trials), abs=1e-9)


def two_sided_z(confidence):
    """The z with P(|Z| ≤ z) = confidence, by bisection on the error function."""
    low, high = 0.0, 10.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if erf(middle / sqrt(2)) < confidence else (low, middle)
    return low


@given(st.integers(1, 60), st.sampled_from(CONFIDENCES))
def test_exact_bounds_have_their_closed_form_at_the_ends(trials, confidence):
    tail = (1 - confidence) / 2
    none, every = (proportions.clopper_pearson_interval(k, trials, confidence) for k in (0, trials))
    assert none == pytest.approx((0.0, 1 - tail ** (1 / trials)))
    assert every == pytest.approx((tail ** (1 / trials), 1.0))


@pytest.mark.parametrize("method", METHODS.values())
@given(count=counts)
def test_an_interval_holds_its_share_and_mirrors(method, count):
    successes, trials = count
    low, high = method(successes, trials)
    assert 0.0 <= low <= high <= 1.0
    if trials:
        assert low <= successes / trials <= high
    mirrored = method(trials - successes, trials)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize("method", METHODS.values())
def test_the_ends_are_exact_and_no_trials_give_the_whole_range(method):
    assert method(0, 0) == (0.0, 1.0)
    assert method(0, 30)[0] == 0.0
    assert method(30, 30)[1] == 1.0


def test_the_exact_interval_never_covers_too_little():
    """Coverage, summed over every outcome, for a grid of true shares; Wilson dips below, which is why."""
    trials = 20
    intervals = [proportions.clopper_pearson_interval(k, trials) for k in range(trials + 1)]
    for share in np.linspace(0.01, 0.99, 49):
        weights = [comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(trials + 1)]
        covered = sum(w for w, (low, high) in zip(weights, intervals, strict=True) if low <= share <= high)
        assert covered >= 0.95


@pytest.mark.parametrize("trials", [20, 199, 200, 5000])
def test_an_accuracy_has_the_exact_interval_at_every_size(trials):
    count = trials * 3 // 4
    expected = proportions.clopper_pearson_interval(count, trials)
    assert proportions.accuracy_interval(count, trials) == expected


def test_an_accuracy_near_one_is_covered_at_200_rows():
    """Wilson's least coverage there is .925, at a share of .998."""
    trials, share = 200, 0.998
    intervals = [proportions.accuracy_interval(k, trials) for k in range(trials + 1)]
    weights = [comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(trials + 1)]
    covered = sum(w for w, (low, high) in zip(weights, intervals, strict=True) if low <= share <= high)
    assert covered >= 0.95


@pytest.mark.parametrize("method", [*METHODS.values(), proportions.accuracy_interval])
@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((-1, 5), "successes"),
        ((6, 5), "successes"),
        ((0, -1), "successes"),
        ((nan, 5), "successes"),
        ((1, 5, 0.0), "confidence"),
        ((1, 5, 1.0), "confidence"),
        ((1, 5, nan), "confidence"),
    ],
)
def test_impossible_counts_are_named(method, arguments, field):
    with pytest.raises(ValueError, match=field):
        method(*arguments)


def test_a_confidence_next_to_one_gives_numbers():
    for method in METHODS.values():
        low, high = method(3, 10, np.nextafter(1.0, 0.0))
        assert 0.0 <= low < 0.3 < high <= 1.0


# --- probabilities against labels -------------------------------------------------------------------------


@given(pairs)
def test_brier_is_that_of_scikit_learn(rows):
    p, labels = split(rows)
    assert proportions.brier_score(p, labels) == pytest.approx(brier_score_loss(labels, p))


def test_brier_at_its_ends():
    assert proportions.brier_score([1.0, 0.0], [True, False]) == 0.0
    assert proportions.brier_score([0.0, 1.0], [True, False]) == 1.0
    assert proportions.brier_score([0.5] * 4, [True, False, False, False]) == 0.25


@given(pairs)
def test_auc_is_that_of_scikit_learn(rows):
    p, labels = split(rows)
    if len(set(labels)) < 2:
        assert proportions.area_under_curve(p, labels) is None
    else:
        assert proportions.area_under_curve(p, labels) == pytest.approx(roc_auc_score(labels, p))


def test_auc_counts_a_tie_as_half():
    assert proportions.area_under_curve([0.4, 0.4], [True, False]) == 0.5
    assert proportions.area_under_curve([0.4, 0.4, 0.1], [True, False, False]) == 0.75
    assert proportions.area_under_curve([0.1, 0.9], [True, False]) == 0.0


@given(pairs, st.integers(1, 25))
def test_every_answer_is_in_the_bin_that_the_table_states(rows, bins):
    p, labels = split(rows)
    table = proportions.reliability(p, labels, bins)
    assert len(table) == bins
    assert (table[0].low, table[-1].high) == (0.0, 1.0)
    for number, row in enumerate(table, start=1):
        inside = [(x, y) for x, y in rows if row.low <= x < row.high or (number == bins and x == 1.0)]
        assert row.count == len(inside)
        if inside:
            assert row.mean_probability == pytest.approx(np.mean([x for x, _ in inside]))
            assert row.share_true == pytest.approx(np.mean([y for _, y in inside]))
        else:
            assert row.mean_probability is None
            assert row.share_true is None


@pytest.mark.parametrize("bins", [1, 7, 10, 22, 49])
def test_the_edge_of_a_bin_belongs_to_the_bin_above(bins):
    """Also where p · bins rounds across the edge."""
    for i in range(1, bins):
        edge = i / bins
        table = proportions.reliability([edge, np.nextafter(edge, 0.0)], [True, False], bins)
        assert (table[i].count, table[i].share_true) == (1, 1.0)
        assert (table[i - 1].count, table[i - 1].share_true) == (1, 0.0)


@given(pairs)
def test_ece_is_the_weighted_gap_of_scikit_learns_curve(rows):
    p, labels = split(rows)
    edges = [i / 10 for i in range(11)]
    if set(p) & set(edges[1:-1]):
        return  # scikit-learn puts an edge into the bin below
    true, predicted = calibration_curve(labels, p, n_bins=10, strategy="uniform")
    sizes = [n for n in np.histogram(p, bins=edges)[0] if n]
    expected = sum(n / len(p) * abs(t - q) for n, t, q in zip(sizes, true, predicted, strict=True))
    assert proportions.expected_calibration_error(p, labels) == pytest.approx(expected, abs=1e-12)


def test_ece_at_its_ends():
    assert proportions.expected_calibration_error([0.0, 1.0], [False, True]) == 0.0
    assert proportions.expected_calibration_error([0.0, 1.0], [True, False]) == 1.0
    assert proportions.expected_calibration_error([0.25] * 4, [True, False, False, False]) == 0.0
    # Two bins: .3 predicted and .5 true for 2 of 3, .9 predicted and 1 true for 1 of 3.
    assert proportions.expected_calibration_error([0.3, 0.3, 0.9], [True, False, True]) == pytest.approx(
        0.5 / 3
    )


PROBABILISTIC = (
    proportions.brier_score,
    proportions.reliability,
    proportions.expected_calibration_error,
    proportions.area_under_curve,
)


@pytest.mark.parametrize("statistic", PROBABILISTIC)
@pytest.mark.parametrize(
    ("p", "labels", "message"),
    [
        ([], [], "labels"),
        ([0.5], [True, False], "labels"),
        ([0.5, nan], [True, False], "p_yes: got nan"),
        ([0.5, 1.01], [True, False], "p_yes: got 1.01"),
        ([-0.01, 0.5], [True, False], "p_yes: got -0.01"),
        ([float("inf"), 0.5], [True, False], "p_yes: got inf"),
        ([0.5, 0.5], [True, nan], "labels: got nan"),
        ([0.5, 0.5], [1, 2], "labels: got 2"),
    ],
)
def test_a_value_that_is_no_probability_or_label_is_named(statistic, p, labels, message):
    with pytest.raises(ValueError, match=message):
        statistic(p, labels)


def test_no_bins_are_an_error():
    with pytest.raises(ValueError, match="bins: got 0"):
        proportions.reliability([0.5], [True], 0)


# --- paired test ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "mean"), [(20, 0.21), (40, 0.16), (80, 0.11), (128, 0.09), (256, 0.06)])
def test_the_floor_of_the_calibration_error_is_what_perfect_probabilities_give(rows, mean):
    """The mean error of perfect probabilities, Beta(2, 3); the floor is above it and falls with the rows."""
    rng = np.random.default_rng(rows)
    p = rng.beta(2, 3, rows)
    errors = [proportions.expected_calibration_error(p, (rng.random(rows) < p).tolist()) for _ in range(200)]
    assert np.mean(errors) == pytest.approx(mean, abs=0.03)
    limit = proportions.calibration_error_floor(p.tolist())
    assert np.mean([error <= limit for error in errors]) == pytest.approx(0.95, abs=0.05)


def test_certain_probabilities_have_no_floor():
    assert proportions.calibration_error_floor([0.0, 1.0, 1.0]) == 0.0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=80))
def test_mcnemar_is_the_sum_of_the_binomials_two_tails(rows):
    first, second = split(rows)
    b, c = sum(x and not y for x, y in rows), sum(y and not x for x, y in rows)
    tail = sum(comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c)
    assert proportions.mcnemar_p_value(first, second) == pytest.approx(min(1.0, 2 * tail))
    assert isclose(proportions.mcnemar_p_value(second, first), proportions.mcnemar_p_value(first, second))


def test_mcnemar_looks_only_at_rows_where_the_two_differ():
    assert proportions.mcnemar_p_value([], []) == 1.0
    assert proportions.mcnemar_p_value([True] * 9, [True] * 9) == 1.0
    differs = ([True] * 6, [False] * 6)
    assert proportions.mcnemar_p_value(*differs) == pytest.approx(2 / 2**6)
    agrees = [True, False] * 500
    assert proportions.mcnemar_p_value(differs[0] + agrees, differs[1] + agrees) == pytest.approx(2 / 2**6)
    assert proportions.mcnemar_p_value(np.array(differs[0]), np.array(differs[1])) == pytest.approx(2 / 2**6)


def test_unpaired_rows_are_an_error():
    with pytest.raises(ValueError, match="second_right: got 1 rows, first_right has 2"):
        proportions.mcnemar_p_value([True, False], [True])


# --- lengths and quantiles --------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 1))
def test_quantiles_interpolate_between_order_statistics(values, q):
    ordered = sorted(values)
    place = q * (len(values) - 1)
    below, above = ordered[int(place)], ordered[min(int(place) + 1, len(values) - 1)]
    # Near zero the difference of two large values keeps their rounding error.
    rounding = 4 * np.finfo(float).eps * max(map(abs, values))
    assert proportions.quantiles(values, [q])[q] == pytest.approx(
        below + (place - int(place)) * (above - below), abs=max(rounding, 1e-12)
    )


def test_quantiles_of_one_value_and_of_an_array():
    assert proportions.quantiles([3.0]) == {0.5: 3.0, 0.9: 3.0, 0.95: 3.0, 0.99: 3.0}
    assert proportions.quantiles(np.arange(101.0), [0.9]) == {0.9: 90.0}


@pytest.mark.parametrize(
    ("values", "probabilities", "message"),
    [
        ([], [0.5], "values: got none"),
        ([1.0, nan], [0.5], "values: got nan"),
        ([1.0], [1.5], "probabilities: got 1.5"),
        ([1.0], [nan], "probabilities: got nan"),
    ],
)
def test_quantiles_of_nothing_or_of_no_number_are_an_error(values, probabilities, message):
    with pytest.raises(ValueError, match=message):
        proportions.quantiles(values, probabilities)


def test_lengths_are_means_over_the_answers():
    assert proportions.answer_lengths([]) is None
    answers = ["Because:\n- one\n* two\n• three", "In 2024. it was so", "1. first\n12. second", ""]
    assert proportions.answer_lengths(answers) == proportions.LengthStatistics(
        characters=sum(map(len, answers)) / 4, words=(7 + 5 + 4) / 4, bullets=(3 + 0 + 2) / 4
    )


@pytest.mark.parametrize("line", ["-\titem", "  - indented", "3.\titem"])
def test_a_bullet_may_be_indented_or_followed_by_a_tab(line):
    lengths = proportions.answer_lengths([line])
    assert lengths is not None
    assert lengths.bullets == 1


@pytest.mark.parametrize("line", ["-5 degrees", "3.5 mg", "² squared", "²."])
def test_what_only_looks_like_a_bullet_is_none(line):
    lengths = proportions.answer_lengths([line])
    assert lengths is not None
    assert lengths.bullets == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=40))
def test_area_under_curve_mirrors(rows):
    p, labels = [x for x, _ in rows], [y for _, y in rows]
    area = proportions.area_under_curve(p, labels)
    if len(set(labels)) < 2:
        assert area is None
        return
    assert 0.0 <= area <= 1.0
    assert proportions.area_under_curve(p, [not y for y in labels]) == pytest.approx(1.0 - area)
