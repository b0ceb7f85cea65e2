"""The table of criteria: ours, a task's own, and which of them may share a call."""

import pytest

from pipelines.judge.criteria import Criterion, calls, choose, digest, load_criteria
from signalbox.errors import InputError
from signalbox.tasks import Task

OWN = "- name: tone\n  question: Is the answer polite?\n"


def task_in(folder, own=None):
    if own is not None:
        (folder / "criteria.yaml").write_text(own, encoding="utf-8")
    return Task(name="toy", title={}, question={}, languages={}, folder=folder)


def test_a_task_adds_its_own_criteria(tmp_path):
    ours = load_criteria(task_in(tmp_path))
    both = load_criteria(task_in(tmp_path, OWN))
    assert [c.name for c in both] == [*(c.name for c in ours), "tone"]
    assert digest(both) != digest(ours)
    assert [c.name for c in choose(both, ["tone", "verdict"])] == ["verdict", "tone"]
    assert choose(both, []) == both


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("- name: verdict\n  question: Is it right?\n", "Another criterion has this name"),
        ("- name: Big Name\n  question: Is it right?\n", "name"),
        ("tone: polite\n", "list of criteria"),
        ("- {name: tone\n", "Mend the file"),
    ],
)
def test_a_wrong_file_is_named_with_its_hint(tmp_path, own, said):
    with pytest.raises(InputError, match=said) as caught:
        load_criteria(task_in(tmp_path, own))
    assert "criteria.yaml" in str(caught.value)


def test_an_unknown_criterion_lists_the_known(tmp_path):
    with pytest.raises(InputError, match="faithfulness"):
        choose(load_criteria(task_in(tmp_path)), ["beauty"])


def test_the_ground_truth_is_never_seen_by_questions_that_must_not_know_it():
    criteria = [
        Criterion(name="a", question="A is so?"),
        Criterion(name="told", question="T is so?", needs_label=True),
        Criterion(name="b", question="B is so?"),
    ]
    assert [[c.name for c in call] for call in calls(criteria, 6, labelled=True)] == [["a", "b"], ["told"]]
    assert [[c.name for c in call] for call in calls(criteria, 6, labelled=False)] == [["a", "b"]]
    assert [[c.name for c in call] for call in calls(criteria, 1, labelled=True)] == [["a"], ["b"], ["told"]]
