"""The calibration of the margin: what a score says, and that it keeps the order of the margins."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.contracts.labels import ABSTAIN, margin
from signalbox.thresholds import Thresholds, fewest_rows, fit, score_of, sparse_verdicts
from signalbox.thresholds.calibration import MarginCalibration, fit_calibration


def draws(count, slope, intercept, seed=0):
    """Margins, and whether each is right with the probability of that function."""
    rng = random.Random(seed)
    truth = MarginCalibration(slope=slope, intercept=intercept)
    margins = [rng.random() for _ in range(count)]
    return margins, [rng.random() < truth.share_right(value) for value in margins]


def test_the_fit_finds_the_function_that_the_rows_come_from():
    calibration = fit_calibration(*draws(20_000, 4.0, -1.0))
    assert calibration is not None
    assert calibration.slope == pytest.approx(4.0, abs=0.3)
    assert calibration.intercept == pytest.approx(-1.0, abs=0.15)


def test_scores_of_a_fit_are_calibrated_and_margins_are_not():
    """New rows of ten times the size: the mean gap between score and share of right answers in ten bins."""
    calibration = fit_calibration(*draws(500, 3.0, 0.5, seed=1))
    assert calibration is not None
    margins, right = draws(5_000, 3.0, 0.5, seed=2)

    def error(scores):
        bins = {}
        for score, hit in zip(scores, right, strict=True):
            bins.setdefault(int(score * 10), []).append(score - hit)
        return sum(abs(sum(gaps)) for gaps in bins.values()) / len(scores)

    assert error([calibration.share_right(value) for value in margins]) < 0.05
    assert error(margins) > 0.25


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_any_rows_give_a_function_that_never_falls(rows):
    margins, right = [m for m, _ in rows], [r for _, r in rows]
    calibration = fit_calibration(margins, right)
    assert calibration is not None
    shares = [calibration.share_right(i / 10) for i in range(11)]
    assert all(0 <= share <= 1 for share in shares)
    assert shares == sorted(shares)
    assert math.isfinite(calibration.slope)


def test_rows_that_are_all_right_are_no_certainty():
    calibration = fit_calibration([0.5] * 30, [True] * 30)
    assert calibration is not None
    assert 0.9 < calibration.share_right(0.5) < 1.0


def test_a_margin_that_says_the_opposite_is_worth_the_share_of_right_rows():
    margins = [i / 100 for i in range(100)]
    calibration = fit_calibration(margins, [value < 0.5 for value in margins])
    assert calibration is not None
    assert calibration.slope == 0.0
    assert calibration.share_right(0.9) == pytest.approx(0.5)


def test_no_rows_give_no_calibration():
    assert fit_calibration([], []) is None


def three(p):
    return {"Netz/LAN": p, "Größe": (1 - p) * 0.75, "חירום": (1 - p) * 0.25}


def test_the_score_of_more_labels_is_the_share_of_right_rows_at_its_margin():
    rng = random.Random(3)
    rows = [three(0.4 + 0.6 * rng.random()) for _ in range(200)]
    labels = ["Netz/LAN" if rng.random() < margin(row) else "Größe" for row in rows]
    fitted = fit(rows, labels)
    assert fitted.calibration is not None
    low, high = score_of(three(0.5), fitted), score_of(three(0.95), fitted)
    assert low < high
    assert high == fitted.calibration.share_right(margin(three(0.95)))
    assert score_of(three(0.5), None) == pytest.approx(margin(three(0.5)))
    assert Thresholds.model_validate_json(fitted.model_dump_json()) == fitted


def test_a_verdict_of_few_rows_is_confident_nowhere_and_is_named():
    """All rows are right, but one of the verdicts has nine rows, and the need is ten."""
    few = [{"a": 0.1, "b": 0.8, "c": 0.1}] * 9
    many = [{"a": 0.8, "b": 0.1, "c": 0.1}] * 20
    fitted = fit([*few, *many], ["b"] * 9 + ["a"] * 20)
    assert fewest_rows(fitted.target_error) == 10
    assert fitted.verdicts["a"].confident == pytest.approx(0.7)
    assert fitted.verdicts["b"].confident is None
    assert sparse_verdicts(fitted, [*few, *many]) == {"b": 9, "c": 0}
    enough = fit([*few, few[0], *many], ["b"] * 10 + ["a"] * 20)
    assert enough.verdicts["b"].confident == pytest.approx(0.7)


def test_answers_that_abstain_are_no_part_of_the_calibration():
    rows = [{"a": 0.1, "b": 0.1, ABSTAIN: 0.8}] * 20 + [{"a": 0.8, "b": 0.1, ABSTAIN: 0.1}] * 20
    fitted = fit(rows, ["b"] * 20 + ["a"] * 20)
    assert fitted.calibration is not None
    assert fitted.calibration.share_right(0.7) > 0.9
