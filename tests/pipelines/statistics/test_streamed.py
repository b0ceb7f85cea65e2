"""Numbers that are read in blocks: the D and the p-value of numbers in memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.statistics import Clustered, cluster_permutation, compare_numbers, streamed
from pipelines.statistics.gaps import SortedNumbers, is_tied, largest_gap
from pipelines.statistics.streamed import StreamedNumbers


def clustered(values):
    return Clustered(np.asarray(values, np.float64), np.arange(len(values), dtype=np.uint64))


def gap_of(sides):
    return StreamedNumbers(*map(clustered, sides)).gap


def expected(sides):
    return largest_gap(*(np.sort(np.asarray(side, np.float64)) for side in sides))


@pytest.fixture
def small(monkeypatch):
    """Bins of several numbers and windows of a few, so that every step is taken."""
    monkeypatch.setattr(streamed, "_MOST_AT_ONCE", 5)


DRAWS = {
    "uniform": lambda rng, rows: rng.random(rows),
    "near 0 and 1": lambda rng, rows: 1 / (1 + np.exp(-rng.normal(0, 8, rows))),
    "of all sizes": lambda rng, rows: 10.0 ** rng.uniform(-300, 3, rows),
    "negative, too": lambda rng, rows: rng.standard_cauchy(rows),
    "whole": lambda rng, rows: rng.integers(30, 230, rows),
    "ties": lambda rng, rows: np.where(rng.random(rows) < 0.4, 1.0, rng.random(rows)),
    "subnormal": lambda rng, rows: rng.integers(0, 50, rows) * 5e-324,
    "two": lambda rng, rows: rng.integers(0, 2, rows),
    "next to each other": lambda rng, rows: (
        1.0 + rng.integers(0, 50, rows) * 2.0**-52 + (rng.random(rows) < 0.01)
    ),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("shift", [0.0, 0.01])
def test_d_is_exact(small, draw, shift):
    rng = np.random.default_rng(1)
    sides = draw(rng, 3000), draw(rng, 1100) + shift
    assert gap_of(sides) == expected(sides)
    assert gap_of(sides[::-1]) == expected(sides)


@settings(max_examples=200, deadline=None)
@given(
    *[
        st.lists(
            st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, 0.5, 1.0]),
            min_size=1,
            max_size=40,
        )
    ]
    * 2
)
def test_d_of_any_numbers(reference, current):
    assert gap_of((reference, current)) == expected((reference, current))


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_ties_are_those_of_sorted_numbers(small, draw):
    rng = np.random.default_rng(2)
    sides = draw(rng, 700), draw(rng, 300)
    pooled = np.sort(np.concatenate(sides))
    numbers = StreamedNumbers(*map(clustered, sides))
    for share in (0.01, 0.2, 0.35, 0.5):
        assert numbers.is_tied(share) == is_tied(pooled, share)


def test_few_numbers_have_a_bin_each_and_many_have_equal_shares():
    rng = np.random.default_rng(3)
    whole = [clustered(rng.integers(30, 130, rows)) for rows in (900, 400)]
    codes = [numbers(*whole).coding(200) for numbers in (StreamedNumbers, SortedNumbers)]
    values = np.concatenate([side.values for side in whole])
    assert codes[0][0](values).tolist() == codes[1][0](values).tolist()
    assert codes[0][1] == codes[1][1] == len(set(values.tolist()))
    code, width = StreamedNumbers(*(clustered(rng.random(rows)) for rows in (90_000, 40_000))).coding(200)
    assert width == 200
    assert np.bincount(code(rng.random(100_000)), minlength=200).max() < 700


@pytest.mark.parametrize("texts", [200, 100_000])
def test_the_test_is_that_of_numbers_in_memory(monkeypatch, texts):
    rng = np.random.default_rng(4)
    sides = [
        Clustered(rng.random(rows), rng.integers(0, texts, rows).astype(np.uint64))
        for rows in (30_000, 12_000)
    ]
    in_memory = compare_numbers(*sides)
    monkeypatch.setattr(cluster_permutation, "MOST_IN_MEMORY", 100)
    in_blocks = compare_numbers(*sides)
    assert (in_blocks.test, in_blocks.effect, in_blocks.interval) == (
        in_memory.test,
        in_memory.effect,
        in_memory.interval,
    )
    assert in_blocks.p_value == pytest.approx(in_memory.p_value, abs=0.15)


@pytest.mark.parametrize(
    ("values", "message"), [([], "no values"), ([0.5, np.nan], "nan"), ([np.inf], "inf")]
)
def test_what_is_no_number_is_named(values, message):
    with pytest.raises(ValueError, match=f"current: got {message}"):
        StreamedNumbers(clustered([0.5]), clustered(values))
