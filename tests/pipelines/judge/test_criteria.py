"""The table of criteria: built in, from a task, and those that may share a call."""

import pytest

from pipelines.judge.criteria import Criterion, calls, digest, load_criteria, select_criteria
from signalbox.errors import InputError
from signalbox.tasks import Task

OWN = "- name: tone\n  question: Is the answer polite?\n"


def task_in(folder, own=None):
    if own is not None:
        (folder / "criteria.yaml").write_text(own, encoding="utf-8")
    english = {"system": "s", "words": {"yes": ["Yes"], "no": ["No"]}, "turns": []}
    return Task(name="toy", title={}, question={}, languages={"en": english}, folder=folder)


def test_a_task_adds_its_own_criteria(tmp_path):
    ours = load_criteria(task_in(tmp_path))
    both = load_criteria(task_in(tmp_path, OWN))
    assert [c.name for c in both] == [*(c.name for c in ours), "tone"]
    assert digest(both) != digest(ours)
    assert [c.name for c in select_criteria(both, ["tone", "verdict"])] == ["verdict", "tone"]
    assert select_criteria(both, []) == both


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("- name: verdict\n  question: Is it right?\n", "Another criterion has this name"),
        ("- name: Big Name\n  question: Is it right?\n", "name"),
        ("tone: polite\n", "list of criteria"),
        ("- {name: tone\n", "Fix the file"),
    ],
)
def test_a_wrong_file_is_named_with_its_hint(tmp_path, own, message):
    with pytest.raises(InputError, match=message) as caught:
        load_criteria(task_in(tmp_path, own))
    assert "criteria.yaml" in str(caught.value)


def test_an_unknown_criterion_lists_the_known(tmp_path):
    with pytest.raises(InputError, match="faithfulness"):
        select_criteria(load_criteria(task_in(tmp_path)), ["beauty"])


def test_the_ground_truth_is_never_seen_by_questions_that_must_not_know_it():
    criteria = [
        Criterion(name="a", question="A is so?"),
        Criterion(name="informed", question="I is so?", needs_label=True),
        Criterion(name="b", question="B is so?"),
    ]
    assert [[c.name for c in call] for call in calls(criteria, 6, labeled=True)] == [["a", "b"], ["informed"]]
    assert [[c.name for c in call] for call in calls(criteria, 6, labeled=False)] == [["a", "b"]]
    assert [[c.name for c in call] for call in calls(criteria, 1, labeled=True)] == [
        ["a"],
        ["b"],
        ["informed"],
    ]
