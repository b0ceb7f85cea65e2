"""Rows of a family are not independent: intervals, the paired test, and which rows a limit takes."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.statistics import clusters
from pipelines.statistics.proportions import clopper_pearson_interval, mcnemar_p_value

pairs = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5)), min_size=1, max_size=12)


def answers(rng, accuracy, correlation, families, size):
    """Right or wrong in families whose own share is from a beta distribution of this intra-class correlation."""
    shape = (1 - correlation) / correlation
    shares = rng.beta(accuracy * shape, (1 - accuracy) * shape, families)
    names = np.repeat(np.arange(families), size)
    return (rng.random(families * size) < shares[names]).tolist(), names.tolist()


@pytest.mark.parametrize("correlation", [0.1, 0.3, 0.6])
def test_the_interval_covers_whatever_the_families_have_in_common(correlation):
    """16 families of 8 at .75: an interval of independent rows covers .88, .75 and .63 of the cases."""
    rng = np.random.default_rng(7)
    covered, narrow = 0, 0
    for _ in range(300):
        right, names = answers(rng, 0.75, correlation, 16, 8)
        low, high = clusters.family_interval(right, names)
        covered += low <= 0.75 <= high
        low, high = clopper_pearson_interval(sum(right), len(right))
        narrow += low <= 0.75 <= high
    assert covered >= 0.92 * 300
    assert narrow < covered


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_families_of_one_row_have_the_exact_interval(right):
    expected = clopper_pearson_interval(sum(right), len(right))
    assert clusters.family_interval(right, range(len(right))) == expected


def test_rows_that_agree_in_their_family_count_as_one():
    right = [True] * 8 * 12 + [False] * 8 * 4
    names = [place // 8 for place in range(len(right))]
    low, high = clusters.family_interval(right, names)
    once = clopper_pearson_interval(12, 16)
    assert low == pytest.approx(once[0], abs=0.04)
    assert high == pytest.approx(once[1], abs=0.04)


@pytest.mark.parametrize("right", [[True] * 40, [False] * 40])
def test_no_spread_at_all_gives_the_interval_of_as_many_rows_as_families(right):
    names = [place // 4 for place in range(40)]
    assert clusters.family_interval(right, names) == pytest.approx(
        clopper_pearson_interval(right[0] * 10, 10)
    )


def test_few_families_count_as_rows_and_no_rows_say_nothing():
    right, names = [True, False, True, True] * 5, [place % 5 for place in range(20)]
    assert clusters.effective_rows_of_families(right, names) == 5
    assert clusters.family_interval([], []) == (0.0, 1.0)


def test_another_number_of_families_is_an_error():
    with pytest.raises(ValueError, match="families: got 1, there are 2 rows"):
        clusters.effective_rows_of_families([True, False], ["a"])
    with pytest.raises(ValueError, match="confidence"):
        clusters.family_interval([True], ["a"], 1.0)
    with pytest.raises(ValueError, match="rows"):
        clusters.family_p_value([True], [True, False], ["a", "b"])


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_the_paired_test_over_families_of_one_row_is_mcnemars(rows):
    first, second = [one for one, _ in rows], [other for _, other in rows]
    expected = mcnemar_p_value(first, second)
    assert clusters.family_p_value(first, second, range(len(rows))) == pytest.approx(expected)


@given(pairs)
def test_the_paired_test_is_the_share_of_all_assignments(rows):
    differences = {}
    for one, other, family in rows:
        differences[family] = differences.get(family, 0) + one - other
    seen = abs(sum(differences.values()))
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, differences.values(), strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    expected = sum(value >= seen for value in sums) / len(sums)
    columns = zip(*rows, strict=True)
    assert clusters.family_p_value(*map(list, columns)) == pytest.approx(expected)


def test_two_equal_models_rarely_differ_however_alike_the_rows_of_a_family_are():
    """McNemar's test of the rows calls them different in .24 of the cases at a correlation of .3."""
    rng = np.random.default_rng(3)
    by_family = by_row = 0
    for _ in range(300):
        first, names = answers(rng, 0.75, 0.3, 16, 8)
        second, _ = answers(rng, 0.75, 0.3, 16, 8)
        by_family += clusters.family_p_value(first, second, names) <= 0.05
        by_row += mcnemar_p_value(first, second) <= 0.05
    assert by_family <= 0.08 * 300 < by_row


def test_a_limit_takes_families_in_turn():
    families = ["a"] * 4 + ["b"] * 2 + ["c"]
    assert clusters.round_robin(families) == [0, 4, 6, 1, 5, 2, 3]
    assert {families[place] for place in clusters.round_robin(families)[:3]} == {"a", "b", "c"}
    assert clusters.round_robin([]) == []
