"""Each baseline learns from its own feature, and from nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import baselines
from pipelines.baselines import Length, Majority, Tfidf, accuracy, check_learnable
from pipelines.train.learning_curve import SIZES, learning_curve
from signalbox.errors import InputError
from tests.pipelines.world import row


@given(st.lists(st.booleans(), min_size=1))
def test_majority_is_the_share_of_yes_whatever_is_asked(labels):
    baseline = Majority().fit([""] * len(labels), labels)
    assert baseline.predict_p_yes(["short", "a much longer text"]) == [sum(labels) / len(labels)] * 2


def test_length_tells_long_from_short():
    baseline = Length().fit(["aa", "aaa", "a" * 30, "a" * 40], [False, False, True, True])
    p_yes = baseline.predict_p_yes(["b", "b" * 25, "b" * 60])
    assert p_yes == sorted(p_yes)
    assert p_yes[0] < 0.5 < p_yes[-1]


def test_length_does_not_see_words():
    baseline = Length().fit(["good aid", "bad aids", "good"], [True, False, True])
    assert len(set(baseline.predict_p_yes(["good", "evil", "xxxx"]))) == 1


def test_tfidf_tells_words_and_their_pairs():
    texts = ["aid is needed", "aid is not needed", "bed is needed", "bed is not needed"]
    baseline = Tfidf().fit(texts, [True, False, True, False])
    yes, no = baseline.predict_p_yes(["chair is needed", "chair is not needed"])
    assert no < 0.5 < yes


def test_accuracy_is_on_rows_that_were_not_learnt_from():
    train = [row(0, "yes", "long " * 20), row(1, "no", "short")]
    test = [row(2, "yes", "long " * 20), row(3, "no", "short"), row(4, "yes", "short")]
    assert accuracy(Length(), train, test) == pytest.approx(2 / 3)


def test_a_tie_says_yes():
    train = [row(0, "yes", "a"), row(1, "no", "b")]
    assert accuracy(Majority(), train, [row(2, "yes", "c"), row(3, "no", "d"), row(4, "yes", "e")]) == (
        pytest.approx(2 / 3)
    )


@pytest.mark.parametrize(
    ("few_shot", "message"),
    [
        ([], "de: no rows"),
        ([row(0, "yes", "x", "de")], "de: yes"),
        ([row(0, "yes", "x", "de"), row(1, "no", "x", "en")], "de: yes"),
    ],
)
def test_rows_with_one_label_are_an_error(few_shot, message):
    with pytest.raises(InputError, match=message):
        check_learnable(few_shot, {"de"})
    check_learnable([row(0, "yes", "x", "de"), row(1, "no", "x", "de")], {"de"})


def test_the_table_of_a_task_is_printed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    baselines.main(Path("tasks/medical"))
    printed = capsys.readouterr().out
    assert "few-shot" in printed
    assert "calibration" in printed


# --- learning curve ---------------------------------------------------------------------------------------


def test_more_labels_help_where_they_can():
    """Few-shot labels are turned round, the pool's are right: the more of them, the better."""
    few_shot = [row(i, "no" if i % 2 else "yes", "x", split="few-shot") for i in range(2)]
    pool = [row(i, "yes" if i % 2 else "no", "x", split="calibration") for i in range(80)]
    vectors = {r.text: [float(r.id.split("-")[-1]) % 2 * 2 - 1] for r in [*few_shot, *pool]}
    curve = learning_curve(few_shot, pool, vectors)
    assert [point.labels for point in curve] == list(SIZES)
    assert curve[0].accuracy == 0.0
    assert curve[-1].accuracy == 1.0
    assert all(point.low <= point.accuracy <= point.high for point in curve)


def test_a_pool_that_holds_too_few_labels_gives_fewer_points():
    few_shot = [row(0, "yes", "x"), row(1, "no", "x")]
    pool = [row(i, "yes" if i % 2 else "no", "x", split="calibration") for i in range(2, 12)]
    vectors = {r.text: [float(i % 2)] for i, r in enumerate([*few_shot, *pool])}
    assert [point.labels for point in learning_curve(few_shot, pool, vectors)] == [0, 8]


def test_one_family_has_nothing_to_hold_out():
    few_shot = [row(0, "yes", "x"), row(1, "no", "x")]
    pool = [row(2, "yes", "x", split="calibration")]
    vectors = {r.text: [1.0] for r in [*few_shot, *pool]}
    assert learning_curve(few_shot, pool, vectors) == ()
    assert learning_curve(few_shot, [], vectors) == ()
