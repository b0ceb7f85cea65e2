"""Tango's interval of a paired difference, rows in families, repeated answers, and the rows that decide."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.statistics import (
    Pairs,
    lower_bound,
    pairs_of,
    rows_to_decide,
    tango_interval,
    tango_z,
    upper_bound,
)


@pytest.mark.parametrize(
    ("rows", "first_only", "second_only", "points"),
    [(256, 5, 0, 4.0), (256, 10, 8, 3.7), (256, 12, 4, 6.0), (500, 12, 8, 2.4), (20, 5, 0, 43.2), (40, 5, 0, 23.5), (100, 5, 0, 9.9)],
)  # fmt: skip
def test_upper_bounds_are_those_that_were_checked_by_hand(rows, first_only, second_only, points):
    assert 100 * upper_bound(Pairs(first_only, second_only, rows)) == pytest.approx(points, abs=0.05)


def test_the_statistic_is_that_of_the_formula():
    assert tango_z(Pairs(12, 4, 256), 8 / 256) == 0.0
    assert tango_z(Pairs(10, 8, 256), 0.05) == pytest.approx(-2.2591, abs=1e-4)
    assert tango_z(Pairs(0, 0, 20), 0.0) == 0.0


def test_without_a_discordant_row_the_bound_falls_with_the_rows():
    bounds = [upper_bound(Pairs(0, 0, rows)) for rows in (5, 20, 51, 52, 1000)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[1] == pytest.approx(1.6448536**2 / (20 + 1.6448536**2), abs=1e-6)
    assert bounds[2] > 0.05 > bounds[3]


def test_a_small_sample_has_a_wide_interval_inside_of_one():
    assert tango_interval(Pairs(1, 0, 1)) == pytest.approx((-0.587, 1.0), abs=0.01)
    low, high = tango_interval(Pairs(20, 0, 20))
    assert 0.6 < low < high <= 1.0


COUNTS = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 200)).filter(lambda c: sum(c) > 0)


@given(COUNTS)
def test_the_bounds_surround_the_difference_and_mirror(counts):
    first, second, _ = counts
    pairs, mirror = Pairs(first, second, sum(counts)), Pairs(second, first, sum(counts))
    low, high = tango_interval(pairs)
    assert -1 <= low <= pairs.difference <= high <= 1
    assert tango_interval(mirror) == pytest.approx((-high, -low), abs=1e-9)
    assert lower_bound(pairs) >= low
    assert upper_bound(pairs) <= high


@given(COUNTS, st.floats(-0.99, 0.98))
@example((0, 0, 1), 6.7e-271)
@example((0, 0, 1), -6.7e-271)
def test_the_statistic_falls_with_the_difference(counts, difference):
    pairs = Pairs(counts[0], counts[1], sum(counts))
    assert tango_z(pairs, difference) >= tango_z(pairs, difference + 0.01) - 1e-9


@pytest.mark.parametrize("numbers", [(1, 0, 0), (-1, 0, 5), (3, 3, 5), (math.inf, 0, 5)])
def test_impossible_counts_are_rejected(numbers):
    with pytest.raises(ValueError, match="pairs: got"):
        Pairs(*numbers)


# --- families and repeats ---------------------------------------------------------------------------------


def test_rows_of_their_own_families_are_plain_counts():
    pairs = pairs_of([1, 1, 0, 0], [1, 0, 1, 0], list("abcd"))
    assert pairs == Pairs(1, 1, 4)


def test_rows_that_agree_within_a_family_count_less():
    first, second = [1] * 90, [0] * 30 + [1] * 60
    alone = pairs_of(first, second, [str(n) for n in range(90)])
    scattered = pairs_of(first, second, [str(n % 30) for n in range(90)])
    together = pairs_of(first, second, [str(n // 3) for n in range(90)])
    assert alone.rows == 90
    assert together.rows == pytest.approx(30, rel=0.15)
    assert scattered.rows > 2 * together.rows
    assert together.difference == pytest.approx(1 / 3)
    assert upper_bound(together) > upper_bound(scattered) > upper_bound(alone)


def test_families_that_all_agree_are_one_row_each():
    """No discordant row says nothing about families: the worst is assumed."""
    pairs = pairs_of([1] * 24, [1] * 24, [str(n // 8) for n in range(24)])
    assert (pairs.rows, pairs.families) == (3, 3)
    assert upper_bound(pairs_of([1] * 8, [1] * 8, ["one"] * 8)) == 1.0


def test_repeated_answers_are_averaged_and_tell_more_than_one():
    names = [str(n) for n in range(40)]
    wobbling = pairs_of([1.0] * 40, [0.5] * 20 + [1.0] * 20, names)
    once = pairs_of([1.0] * 40, [0.0] * 10 + [1.0] * 30, names)
    assert wobbling.difference == once.difference == 0.25
    assert upper_bound(wobbling) < upper_bound(once)


def test_rows_of_different_numbers_are_rejected():
    with pytest.raises(ValueError, match="needs equally many"):
        pairs_of([1], [1, 0], ["a"])
    with pytest.raises(ValueError, match="outside of -1 to 1"):
        pairs_of([2, 0], [0, 0], ["a", "b"])


@pytest.mark.parametrize(("size", "share"), [(1, 0.0), (3, 0.6), (8, 0.6)])
def test_at_the_margin_the_bound_is_rarely_below_it(size, share):
    """The whole table is in docs/reference/comparison-statistics.md; here 300 draws with a bound for their noise."""
    rng = np.random.default_rng(3)
    families = [str(n // size) for n in range(126 // size * size)]
    wrong = 0
    for _ in range(300):
        index = np.arange(len(families)) // size
        part = rng.standard_normal((2, len(set(families))))[:, index]
        latent = math.sqrt(share) * part + math.sqrt(1 - share) * rng.standard_normal((2, len(families)))
        right = latent < np.array([[1.2816], [1.0364]])  # accuracies of .90 and .85
        wrong += upper_bound(pairs_of(right[0].tolist(), right[1].tolist(), families)) < 0.05
    assert wrong <= 25  # 15 expected at 5 %; more than 25 has a chance of .5 %


# --- rows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "margin", "rows"),
    [(0.05, 0.1, 31), (0.1, 0.1, 62), (0.2, 0.1, 124), (0.05, 0.05, 124), (0.1, 0.05, 248), (0.2, 0.05, 495), (0.05, 0.03, 344), (0.1, 0.03, 688), (0.2, 0.03, 1375)],
)  # fmt: skip
def test_the_rows_needed_are_those_of_the_table(share, margin, rows):
    assert rows_to_decide(share, margin) == rows


def test_a_loss_of_the_margin_is_shown_by_no_number_of_rows():
    assert rows_to_decide(0.1, 0.05, loss=0.05) is None
    assert rows_to_decide(0.1, 0.05, loss=0.03) > rows_to_decide(0.1, 0.05)


def test_rows_are_needed_without_a_discordant_one():
    needed = rows_to_decide(0.0, 0.05)
    assert upper_bound(Pairs(0, 0, needed)) <= 0.05 < upper_bound(Pairs(0, 0, needed - 1))


def test_a_margin_is_a_share():
    with pytest.raises(ValueError, match="margin: got 5"):
        rows_to_decide(0.1, 5)
