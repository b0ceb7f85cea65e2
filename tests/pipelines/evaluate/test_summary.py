"""Figures from records and labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.classes import YES_NO
from pipelines.evaluate.summary import confusion, correct, light_shares, summarize
from pipelines.statistics import proportions
from signalbox.contracts.labels import NEUTRAL, NO, YES
from signalbox.contracts.light import Light
from tests.helpers import record
from tests.pipelines.evaluations import BASELINES, EN, evaluation

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["yes", "no"]), st.sampled_from([YES, NO, NEUTRAL]), st.sampled_from(list(Light))
    ),
    min_size=1,
    max_size=30,
)


def test_neutral_is_never_right():
    assert correct(record(verdict=YES), "yes")
    assert not correct(record(verdict=NO), "yes")
    assert not correct(record(verdict=NEUTRAL), "yes")
    assert not correct(record(verdict=NEUTRAL), "no")


def test_a_verdict_counts_where_the_light_withholds_it():
    assert correct(record(verdict=YES, light=Light.RED), "yes")


def test_the_figures_of_a_language_are_those_of_its_rows():
    summary = evaluation().summaries[EN]
    assert (summary.rows, summary.correct, summary.accuracy) == (4, 2, 0.5)
    assert summary.interval == proportions.clopper_pearson_interval(2, 4)
    assert summary.baselines == BASELINES
    assert summary.confusion == {
        "yes": {"yes": 1, "no": 1, "neutral": 0},
        "no": {"yes": 0, "no": 1, "neutral": 1},
    }
    assert summary.latency_seconds[0.5] == 2.0  # of the three with a justification


def test_probabilities_are_scored_where_there_are_any():
    summary = evaluation().summaries[EN]
    assert summary.brier == pytest.approx((0.1**2 + 0.8**2 + 0.3**2) / 3)
    assert summary.auc == 0.5
    assert summary.verdict_mass == 0.5
    nothing = summarize([record(p_yes=None, justification=None)], ["yes"], BASELINES, YES_NO, EN)
    assert (nothing.brier, nothing.ece, nothing.auc, nothing.verdict_mass) == (None,) * 4
    assert (nothing.lengths, nothing.tokens_per_second) == (None, None)


def test_one_class_has_no_auc_but_all_else():
    summary = summarize([record(p_yes=0.9)], ["yes"], BASELINES, YES_NO, EN)
    assert summary.auc is None
    assert summary.brier == pytest.approx(0.01)
    assert summary.accuracy == 1.0


def test_tokens_per_second_are_those_of_the_answers_that_have_tokens():
    records = [
        record(completion_tokens=10, latency_seconds=2.0),
        record(completion_tokens=20, latency_seconds=4.0),
        record(completion_tokens=None, latency_seconds=100.0),
    ]
    assert summarize(records, ["yes"] * 3, BASELINES, YES_NO, EN).tokens_per_second == 5.0
    instant = record(completion_tokens=3, latency_seconds=0.0)
    assert summarize([instant], ["yes"], BASELINES, YES_NO, EN).tokens_per_second is None


def test_a_light_without_answers_has_no_error():
    shares = light_shares([Light.YELLOW, Light.YELLOW, Light.RED], [True, False, False], "abc")
    assert (shares["green"].count, shares["green"].coverage, shares["green"].error) == (0, 0.0, None)
    assert shares["green"].error_interval is None
    assert (shares["yellow"].coverage, shares["yellow"].error) == (pytest.approx(2 / 3), 0.5)
    assert shares["red"].error_interval == proportions.clopper_pearson_interval(1, 1)


@given(ROWS)
def test_every_answer_is_counted_once(rows):
    labels = [label for label, _, _ in rows]
    records = [record(verdict=verdict, light=light) for _, verdict, light in rows]
    summary = summarize(records, labels, BASELINES, YES_NO, EN)
    assert sum(sum(row.values()) for row in confusion(records, labels, YES_NO).values()) == len(rows)
    assert sum(summary.confusion[label][label] for label in ("yes", "no")) == summary.correct
    assert sum(share.count for share in summary.lights.values()) == len(rows)
    assert sum(share.coverage for share in summary.lights.values()) == pytest.approx(1.0)
    wrong = sum(share.count * share.error for share in summary.lights.values() if share.count)
    assert wrong == pytest.approx(summary.rows - summary.correct)


def test_records_without_their_label_are_an_error():
    with pytest.raises(ValueError, match="zip"):
        summarize([record(), record()], ["yes"], BASELINES, YES_NO, EN)
