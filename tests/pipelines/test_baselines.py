"""Each baseline learns from its own feature, and from nothing else."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import baselines
from pipelines.baselines import Length, Majority, Tfidf, accuracy, check_learnable, teach
from pipelines.classes import YES_NO, Classes
from signalbox.errors import InputError
from signalbox.tasks import load_task
from tests.pipelines.world import row

THREE = Classes(("Netz/LAN", "Größe", "חירום"))


@given(st.lists(st.sampled_from(THREE.labels), min_size=1))
def test_majority_is_the_most_frequent_label_of_the_test_rows_whatever_it_learns_from(labels):
    test = [row(i, label, "x") for i, label in enumerate(labels)]
    most = max(Counter(labels).values())
    assert accuracy(Majority(THREE), [row(0, "Größe", "x")], test) == pytest.approx(most / len(labels))


def test_majority_of_a_tie_is_the_first_label_of_the_task():
    test = [row(0, "no", "x"), row(1, "yes", "y")]
    assert teach(Majority(YES_NO), [], test).predict(["a", "b"]) == ["yes", "yes"]


def test_length_tells_long_from_short():
    baseline = Length(YES_NO).fit(["aa", "aaa", "a" * 30, "a" * 40], ["no", "no", "yes", "yes"])
    p_yes = [p["yes"] for p in baseline.probabilities(["b", "b" * 25, "b" * 60])]
    assert p_yes == sorted(p_yes)
    assert p_yes[0] < 0.5 < p_yes[-1]


def test_length_does_not_see_words():
    baseline = Length(YES_NO).fit(["good aid", "bad aids", "good"], ["yes", "no", "yes"])
    rows = baseline.probabilities(["good", "evil", "xxxx"])
    assert rows[0] == rows[1] == rows[2]


def test_tfidf_tells_words_and_their_pairs():
    texts = ["aid is needed", "aid is not needed", "bed is needed", "bed is not needed"]
    baseline = Tfidf(YES_NO).fit(texts, ["yes", "no", "yes", "no"])
    assert baseline.predict(["chair is needed", "chair is not needed"]) == ["yes", "no"]


@pytest.mark.parametrize("count", [3, 20])
def test_tfidf_tells_any_number_of_labels(count):
    classes = Classes(tuple(f"Größe {i}/ä" for i in range(count)))
    texts = [f"word{i} again" for i in range(count)]
    baseline = Tfidf(classes).fit(texts, classes.labels)
    assert baseline.predict(texts) == list(classes.labels)
    for probabilities in baseline.probabilities([*texts, "something else"]):
        assert tuple(probabilities) == classes.labels
        assert sum(probabilities.values()) == pytest.approx(1.0)


def test_a_tie_of_probabilities_gives_the_first_label_of_the_task():
    baseline = Tfidf(Classes(("b", "a"), "a")).fit(["some text", "some text"], ["a", "b"])
    assert baseline.predict(["some text"]) == ["b"]


def test_accuracy_is_on_rows_that_were_not_learnt_from():
    train = [row(0, "yes", "long " * 20), row(1, "no", "short")]
    test = [row(2, "yes", "long " * 20), row(3, "no", "short"), row(4, "yes", "short")]
    assert accuracy(Length(YES_NO), train, test) == pytest.approx(2 / 3)


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
        check_learnable(YES_NO, few_shot, {"de"})
    check_learnable(YES_NO, [row(0, "yes", "x", "de"), row(1, "no", "x", "de")], {"de"})


def test_a_label_that_a_language_lacks_is_named_with_its_split():
    rows = [row(0, "Größe", "x", "de"), row(1, "Netz/LAN", "x", "de"), row(2, "חירום", "x", "en")]
    with pytest.raises(InputError, match=r"calibration: got 'de: Größe, Netz/LAN'.*`חירום`.*`de`"):
        check_learnable(THREE, rows, {"de"}, "calibration")


@pytest.mark.parametrize(("task", "strata"), [("medical", 4), ("tickets", 2)])
def test_the_tables_of_a_task_are_whole_in_a_narrow_terminal(task, strata, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    baselines.main(Path("tasks") / task)
    printed = capsys.readouterr().out
    labels = load_task(Path("tasks") / task).names
    assert "…" not in printed
    assert all(part in printed for part in ("few-shot", "calibration", "mean characters", *labels))
    assert printed.count("few-shot") == strata
