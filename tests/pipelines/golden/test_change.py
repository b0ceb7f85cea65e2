"""The permutation test of the golden rows: noise is no change, a change without noise is seen in few rows."""

import random

import pytest

from pipelines.golden.change import p_value


def runs(rows: int, noise: float, seed: int, shift: float = 0.0) -> tuple[list, list]:
    rng = random.Random(seed)
    blessed, current = [], []
    for _ in range(rows):
        middle = rng.uniform(0.2, 0.8)
        values = [middle + rng.gauss(0, noise) for _ in range(6)]
        values[-1] += shift
        answers = [{"yes": value, "no": 1 - value} for value in values]
        blessed.append(answers[:-1])
        current.append(answers[-1])
    return blessed, current


def test_equal_answers_are_no_change():
    assert p_value(*runs(20, 0.0, 1)) == 1.0


@pytest.mark.parametrize("shift", [0.001, -0.05])
def test_any_shift_of_a_path_without_noise_is_a_change(shift):
    assert p_value(*runs(20, 0.0, 1, shift)) <= 0.001


def test_a_shift_within_the_noise_is_no_change_and_a_larger_one_is():
    assert p_value(*runs(20, 0.05, 2)) > 0.01
    assert p_value(*runs(20, 0.01, 2, 0.05)) <= 0.001


def test_without_a_change_small_p_values_are_rare():
    """At most the level plus four standard deviations of 200 runs."""
    small = sum(p_value(*runs(20, 0.05, seed), resamples=199) <= 0.05 for seed in range(200))
    assert small <= 10 + 4 * 3.1


def test_few_rows_are_enough_without_noise():
    blessed, current = runs(20, 0.0, 3)
    assert p_value(blessed, [{"yes": 0.1, "no": 0.9}] * 4 + current[4:]) <= 0.002
    assert p_value(blessed, [{"yes": 0.1, "no": 0.9}, *current[1:]]) > 0.05


def test_another_verdict_without_probabilities_is_a_difference():
    blessed = [[{"yes": 1.0}] * 5] * 20
    assert p_value(blessed, [{"neutral": 1.0}] * 20) <= 0.001
