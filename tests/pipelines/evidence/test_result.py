"""Figures over texts, from rows that are written by hand."""

import dataclasses

import pytest

from pipelines.evidence.faithfulness import OrderScores
from pipelines.evidence.report import flat, markdown
from pipelines.evidence.result import ALL, Result, Row, bootstrap_mean, figures_of


def row(number: int, weights, decisive, *, language="en", is_right=True, gain=0.1) -> Row:
    orders = {
        "evidence": OrderScores(0.3 + gain, 0.1 - gain),
        "random": OrderScores(0.3, 0.1),
        "reversed": OrderScores(0.1, 0.3),
    }
    lengths = tuple(range(10, 10 * len(weights) + 1, 10))
    new_sets = orders if len(weights) > 2 else None
    return Row(f"t{number}", language, lengths, tuple(weights), decisive, is_right, orders, new_sets)


ROWS = (
    row(1, (0.4, 0.0), 0, gain=0.2),
    row(2, (0.0, 0.3, -0.2), 0, is_right=False, gain=0.0),
    row(3, (0.01, 0.02, 0.04, 0.03), 2, language="de"),
    row(4, (0.2, 0.1), None, language="de"),
)


def test_pointing_counts_texts_whose_top_part_is_the_decisive_one():
    figures = figures_of(ROWS)
    assert (figures.pointing.successes, figures.pointing.trials) == (2, 3)
    assert (figures.pointing_if_right.successes, figures.pointing_if_right.trials) == (2, 2)
    assert (figures.pointing_first.successes, figures.pointing_longest.successes) == (2, 0)
    assert figures.pointing_random == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 3)


def test_marks_are_counted_by_the_threshold_of_the_product():
    figures = figures_of(ROWS)
    assert (figures.decisive_for.successes, figures.decisive_for.trials) == (1, 3)
    assert (figures.background_relevant.successes, figures.background_relevant.trials) == (2, 6)


def test_gains_are_paired_by_text():
    figures = figures_of(ROWS)
    assert figures.gain_comprehensiveness
    assert figures.gain_sufficiency
    assert figures.gain_comprehensiveness.value == pytest.approx(0.1)
    assert figures.gain_sufficiency.value == pytest.approx(-0.1)
    assert figures.new_rows == 2
    assert figures.new_comprehensiveness is not None
    assert figures.new_comprehensiveness.value == pytest.approx(0.05)
    assert figures_of(ROWS[:1]).new_comprehensiveness is None


def test_the_interval_of_a_mean_holds_it_and_narrows_with_texts():
    few, many = [0.0, 1.0] * 10, [0.0, 1.0] * 200
    low, high = bootstrap_mean(few)
    assert low < 0.5 < high
    assert bootstrap_mean(few) == (low, high)
    narrow = bootstrap_mean(many)
    assert narrow[1] - narrow[0] < high - low
    # The normal approximation: 1.96 · .5 / √400 on each side.
    assert narrow == (pytest.approx(0.451, abs=0.01), pytest.approx(0.549, abs=0.01))


def test_the_report_has_a_column_a_language_and_the_metrics_their_bounds():
    result = Result("toy", "encoder", "r@1", ROWS, left_out=2)
    text = markdown(result)
    assert "| figure | de | en | all |" in text
    assert "2 texts had no verdict" in text
    values = flat(result.figures[ALL])
    assert values["pointing_low"] < values["pointing"] < values["pointing_high"]
    assert values["comprehensiveness_gain"] == pytest.approx(0.1)
    without = figures_of([dataclasses.replace(row, orders=None, new_sets=None) for row in ROWS])
    assert (without.ordered_rows, without.gain_comprehensiveness) == (0, None)
    assert "sufficiency_random" not in flat(without)
    assert without.pointing == result.figures[ALL].pointing
    assert "comprehensiveness_gain_new_sets" not in flat(figures_of(ROWS[:1]))
