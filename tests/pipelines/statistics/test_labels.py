"""Figures of labels agree with scikit-learn, and with hand-made tables."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_recall_fscore_support, roc_auc_score

from pipelines.statistics import (
    accuracy_interval,
    balanced_accuracy,
    brier_score,
    label_figures,
    macro_f1,
    multiclass_brier,
    one_against_rest,
)

LABELS = {count: [f"Größe {i:02}/ä" for i in range(count)] for count in (3, 20)}


@st.composite
def answers(draw):
    """Labels, ground truth and verdicts; each label has a row, and a verdict may be Neutral."""
    labels = LABELS[draw(st.sampled_from([3, 20]))]
    truth = labels + draw(st.lists(st.sampled_from(labels), max_size=20))
    verdicts = draw(st.lists(st.sampled_from([*labels, "neutral"]), min_size=len(truth), max_size=len(truth)))
    return labels, truth, verdicts


@settings(max_examples=40)
@given(answers())
def test_figures_are_those_of_scikit_learn(rows):
    labels, truth, verdicts = rows
    figures = label_figures(truth, verdicts, labels)
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, verdicts, labels=labels, zero_division=0
    )
    assert [one.precision or 0 for one in figures.values()] == pytest.approx(list(precision))
    assert [one.recall for one in figures.values()] == pytest.approx(list(recall))
    assert [one.f1 for one in figures.values()] == pytest.approx(list(f1))
    assert [one.rows for one in figures.values()] == list(support)
    assert macro_f1(figures.values()) == pytest.approx(
        f1_score(truth, verdicts, labels=labels, average="macro")
    )
    if "neutral" not in verdicts:
        assert balanced_accuracy(figures.values()) == pytest.approx(balanced_accuracy_score(truth, verdicts))


def test_intervals_are_those_of_the_counts():
    (one, *_) = label_figures(["a"] * 4 + ["b"], ["a", "a", "a", "neutral", "a"], ["a", "b"]).values()
    assert (one.rows, one.answers, one.hits) == (4, 4, 3)
    assert one.precision_interval == one.recall_interval == accuracy_interval(3, 4)


def test_a_label_without_rows_or_answers_has_no_figure_and_is_in_no_mean():
    figures = label_figures(["a", "b"], ["a", "c"], ["a", "b", "c", "d"])
    assert (figures["c"].recall, figures["c"].precision, figures["c"].f1) == (None, 0.0, 0.0)
    assert (figures["b"].recall, figures["b"].precision) == (0.0, None)
    assert figures["d"].f1 is None
    assert balanced_accuracy(figures.values()) == 0.5
    assert macro_f1(figures.values()) == pytest.approx(1 / 3)
    assert balanced_accuracy([]) is macro_f1([]) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=20))
def test_the_brier_score_of_two_labels_is_twice_that_of_one(rows):
    p, truth = [p for p, _ in rows], [y for _, y in rows]
    both = multiclass_brier([{"yes": x, "no": 1 - x} for x in p], ["yes" if y else "no" for y in truth])
    assert both == pytest.approx(2 * brier_score(p, truth))


def test_the_brier_score_is_0_for_certainty_and_2_for_certain_error():
    assert multiclass_brier([{"a": 1.0, "b": 0.0, "c": 0.0}], ["a"]) == 0.0
    assert multiclass_brier([{"a": 1.0, "b": 0.0, "c": 0.0}], ["b"]) == 2.0
    assert multiclass_brier([{"a": 1.0, "b": 0.0, "c": 0.0}], ["none of these"]) == 2.0
    with pytest.raises(ValueError, match="no rows"):
        multiclass_brier([], [])


@pytest.mark.parametrize("count", [3, 20])
def test_areas_are_those_of_scikit_learn_one_against_rest(count):
    labels = LABELS[count]
    truth = labels * 3
    rows = [
        {label: 1 + (7 * i + 3 * j + 2 * (label == truth[i])) % 11 for j, label in enumerate(labels)}
        for i in range(len(truth))
    ]
    rows = [{label: value / sum(row.values()) for label, value in row.items()} for row in rows]
    areas = one_against_rest(rows, truth, labels)
    expected = roc_auc_score(
        truth, [list(row.values()) for row in rows], multi_class="ovr", labels=labels, average=None
    )
    assert list(areas.values()) == pytest.approx(list(expected))


def test_a_label_that_no_row_or_every_row_has_has_no_area():
    row = {"a": 0.6, "b": 0.4, "c": 0.0}
    assert one_against_rest([row, row], ["a", "a"], ["a", "b", "c"]) == {}
    assert set(one_against_rest([row, row], ["a", "b"], ["a", "b", "c"])) == {"a", "b"}
