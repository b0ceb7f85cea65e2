"""Prediction-powered estimates: the formula by hand, and how often the interval holds the truth."""

import math

import numpy as np
import pytest

from pipelines.statistics.ppi import LABELS_ONLY, PPI, power_weight, ppi_mean, share_right

TRUTH = 0.7


def drawn(rng, rows, informative=True):
    """Labels with share TRUTH, and a judge's p(yes) that tells something about them, or nothing, and flatters."""
    y = rng.random(rows) < TRUTH
    f = np.where(y, rng.beta(6, 2, rows), rng.beta(3, 2, rows)) if informative else rng.beta(6, 2, rows)
    return y.tolist(), f.tolist()


def test_the_estimate_is_the_formula_of_the_paper():
    labels, predicted, unlabeled = [True, False, True, True], [0.9, 0.6, 0.3, 0.8], [0.2, 0.7, 0.9]
    cov = np.cov(np.array(labels, float), predicted, ddof=1)[0, 1]
    weight = cov / ((1 + 4 / 3) * np.var(predicted + unlabeled, ddof=1))
    assert 0 < weight < 1
    estimate = ppi_mean(labels, predicted, unlabeled)
    assert estimate.weight == pytest.approx(weight)
    assert estimate.value == pytest.approx(weight * 0.6 + 0.75 - weight * 0.65)
    rest = [y - weight * f for y, f in zip(labels, predicted, strict=True)]
    half = 1.959964 * math.sqrt(np.var(rest, ddof=1) / 4 + weight**2 * np.var(unlabeled, ddof=1) / 3)
    assert estimate.low == pytest.approx(max(0, estimate.value - half), abs=1e-6)
    assert (estimate.labels, estimate.unlabeled, estimate.method) == (4, 3, PPI)


def test_predictions_without_spread_or_against_the_truth_get_no_weight():
    labels = [True, False] * 10
    assert power_weight(labels, [0.5] * 20, [0.5] * 30) == 0.0
    assert power_weight(labels, [0.1, 0.9] * 10, [0.1, 0.9] * 10) == 0.0


def test_a_judge_that_flatters_does_not_move_the_estimate():
    """Its mean is far from the truth; the labels take that out again."""
    rng = np.random.default_rng(3)
    labels, predicted = drawn(rng, 4000)
    _, unlabeled = drawn(rng, 40_000)
    flattered = [min(1.0, 0.5 + f / 2) for f in predicted], [min(1.0, 0.5 + f / 2) for f in unlabeled]
    assert np.mean(flattered[1]) > TRUTH + 0.1
    assert ppi_mean(labels, *flattered).value == pytest.approx(TRUTH, abs=0.02)


@pytest.mark.parametrize(("rows", "informative"), [(200, True), (500, True), (200, False)])
def test_the_interval_holds_the_truth_as_often_as_it_says(rows, informative):
    rng = np.random.default_rng(rows + informative)
    hits, widths, plain = 0, [], []
    for _ in range(1000):
        labels, predicted = drawn(rng, rows, informative)
        _, unlabeled = drawn(rng, 4 * rows, informative)
        estimate = share_right(labels, predicted, unlabeled)
        hits += estimate.low <= TRUTH <= estimate.high
        widths.append(estimate.high - estimate.low)
        share = np.mean(labels)
        plain.append(2 * 1.96 * math.sqrt(share * (1 - share) / rows))
    # 1,000 draws at 0.95 have a standard error of 0.007; the normal interval lacks about 0.005 here.
    assert 0.925 <= hits / 1000 <= 0.975
    gain = 1 - np.mean(widths) / np.mean(plain)
    if informative:
        assert gain > 0.03
    else:
        assert abs(gain) < 0.01


@pytest.mark.parametrize("rows", [5, 20, 60, 150])
def test_below_200_labels_the_exact_interval_never_falls_short(rows):
    rng = np.random.default_rng(rows)
    hits = 0
    for _ in range(500):
        labels, predicted = drawn(rng, rows)
        estimate = share_right(labels, predicted, predicted)
        assert estimate.method == LABELS_ONLY
        assert estimate.weight == 0.0
        hits += estimate.low <= TRUTH <= estimate.high
    assert hits / 500 >= 0.93


def test_labels_that_all_agree_keep_an_interval():
    estimate = share_right([True] * 300, [0.9] * 300, [0.8] * 300)
    assert estimate.method == LABELS_ONLY
    assert estimate.low < 1.0 == estimate.high


def test_nothing_and_too_little():
    assert share_right([], [], [0.5]) is None
    assert share_right([True] * 150 + [False] * 150, [0.5] * 300, []).method == LABELS_ONLY
    with pytest.raises(ValueError, match="two of each"):
        ppi_mean([True], [0.5], [0.5, 0.6])
    with pytest.raises(ValueError, match="predicted: got 1"):
        ppi_mean([True, False], [0.5], [0.5, 0.6])


@pytest.mark.parametrize(("share", "rows"), [(0.99, 500), (0.98, 300), (0.95, 200), (0.02, 500)])
def test_close_to_the_ends_the_interval_does_not_fall_short(share, rows):
    """The normal interval covered .874 at .99 and 500 labels."""
    rng = np.random.default_rng(rows)
    hits = 0
    for _ in range(600):
        y = rng.random(rows) < share
        f = np.where(y, rng.beta(6, 2, rows), rng.beta(3, 2, rows))
        estimate = share_right(y.tolist(), f.tolist(), rng.beta(6, 2, 4 * rows).tolist())
        hits += estimate.low <= share <= estimate.high
    assert hits / 600 >= 0.925


def test_ppi_needs_enough_of_either_kind():
    predicted = [0.9, 0.4] * 150
    few = [True] * 281 + [False] * 19
    assert share_right(few, predicted, predicted).method == LABELS_ONLY
    assert share_right([*few[1:], False], predicted, predicted).method == PPI
