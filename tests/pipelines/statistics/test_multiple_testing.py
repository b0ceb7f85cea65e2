"""Corrected p-values against definitions and scipy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from pipelines.statistics import multiple_testing

LEVEL = 0.05
p_values = st.lists(st.floats(0, 1), max_size=20)


def test_holm_on_an_example():
    assert multiple_testing.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(p_values)
def test_holm_stops_at_the_first_that_is_not_small_enough(p):
    adjusted = multiple_testing.holm(p)
    rejected = [False] * len(p)
    for step, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[i] * (len(p) - step) > LEVEL:
            break
        rejected[i] = True
    assert [value <= LEVEL for value in adjusted] == rejected


@given(p_values.filter(len))
def test_benjamini_hochberg_is_that_of_scipy(p):
    assert multiple_testing.benjamini_hochberg(p) == pytest.approx(list(false_discovery_control(p)))


@pytest.mark.parametrize("correct", multiple_testing.CORRECTIONS.values())
def test_a_value_that_is_no_probability_is_named(correct):
    assert correct([]) == []
    with pytest.raises(ValueError, match="p_values: got nan"):
        correct([0.2, float("nan")])
