"""The share of right answers from labels with recorded chances."""

import numpy as np
import pytest

from pipelines.statistics import clopper_pearson_interval
from pipelines.statistics.sampling import weighted_share


def test_equal_chances_give_the_exact_interval():
    estimate = weighted_share([True] * 30 + [False] * 7, [0.05] * 37)
    assert estimate.value == pytest.approx(30 / 37)
    assert (estimate.low, estimate.high) == pytest.approx(clopper_pearson_interval(30, 37))
    every = weighted_share([True] * 12, [0.3] * 12)
    assert (every.low, every.high) == pytest.approx(clopper_pearson_interval(12, 12))


def test_rows_count_by_the_inverse_of_their_chance():
    assert weighted_share([True, False], [0.2, 0.8]).value == pytest.approx(5 / 6.25)
    assert weighted_share([], []) is None


def test_labels_that_were_asked_for_more_where_answers_are_wrong_do_not_bias_the_share():
    """4,000 answers, 90.1 % right; wrong ones are asked for six times as often. The plain share would be about .6."""
    rng = np.random.default_rng(1)
    plain, weighted, covered = [], [], 0
    for _ in range(400):
        right = rng.random(4000) < 0.901
        chance = np.where(right, 0.05, 0.3)
        asked = rng.random(4000) < chance
        estimate = weighted_share(right[asked].tolist(), chance[asked].tolist())
        plain.append(right[asked].mean())
        weighted.append(estimate.value)
        covered += estimate.low <= 0.901 <= estimate.high
    assert np.mean(plain) < 0.65
    assert np.mean(weighted) == pytest.approx(0.901, abs=0.003)
    assert covered / 400 >= 0.93


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_the_interval_holds_the_share_when_chances_differ(share):
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(600):
        right = rng.random(1500) < share
        chance = rng.choice([0.05, 0.2, 1.0], 1500, p=[0.6, 0.3, 0.1])
        asked = rng.random(1500) < chance
        estimate = weighted_share(right[asked].tolist(), chance[asked].tolist())
        covered += estimate.low <= share <= estimate.high
    assert covered / 600 >= 0.925


@pytest.mark.parametrize("wrong", [0.0, 1.5, float("nan")])
def test_a_chance_that_is_none_is_named(wrong):
    with pytest.raises(ValueError, match="propensity: got"):
        weighted_share([True], [wrong])
