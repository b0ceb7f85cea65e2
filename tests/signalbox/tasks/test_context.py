"""Passages in a task: limits, the prompt, and what is rejected."""

import json
from pathlib import Path

import pytest
import yaml

from signalbox.errors import InputError
from signalbox.tasks import load_task

TASK = load_task(Path("tasks/medical"))
SPEC = yaml.safe_load(Path("tasks/medical/task.yaml").read_text(encoding="utf-8"))


def load(folder, **changes):
    user, turns = changes.pop("user", None), changes.pop("turns", None)
    spec = json.loads(json.dumps({**SPEC, **changes}))
    if user is not None:
        spec["languages"]["en"]["user"] = user
    if turns is not None:
        spec["languages"]["en"]["turns"] = turns
    (folder / "task.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    return load_task(folder)


def last(task, text="Is it so?", context=("one", "two")):
    return task.messages(text, "en", context)[-1]["content"]


def test_the_template_places_the_passages(tmp_path):
    task = load(tmp_path, context={}, user="Rules:\n{context}\nQuestion: {text}")
    assert last(task) == "Rules:\n[1] one\n[2] two\nQuestion: Is it so?"
    assert last(task, context=()) == "Rules:\n\nQuestion: Is it so?"


def test_passages_come_first_without_a_place(tmp_path):
    task = load(tmp_path, context={})
    assert last(task) == "[1] one\n[2] two\n\nIs it so?"
    assert last(task, context=()) == "Is it so?"


def test_a_passage_is_never_read_as_a_template(tmp_path):
    task = load(tmp_path, context={}, user="{context} | {text}")
    assert last(task, "my {context}", ("a {text} b",)) == "[1] a {text} b | my {context}"


def test_turns_may_have_passages(tmp_path):
    turns = [{"text": "Is it?", "context": ["yes it is"], "answer": "Yes. It says so."}]
    task = load(tmp_path, context={}, turns=turns)
    assert task.messages("t", "en")[1]["content"] == "[1] yes it is\n\nIs it?"


def test_a_turn_with_passages_needs_the_option(tmp_path):
    turns = [{"text": "Is it?", "context": ["yes it is"], "answer": "Yes. It says so."}]
    with pytest.raises(InputError, match=r"turns\.0\.context: the task medical reads no passages"):
        load(tmp_path, turns=turns)


def test_a_task_without_the_option_is_as_before(tmp_path):
    task = load(tmp_path, user="{text} {context}")
    assert last(task, context=()) == "Is it so? {context}"
    with pytest.raises(InputError, match="reads no passages"):
        task.check_context(["one"])


def test_the_limits_are_the_tasks(tmp_path):
    task = load(tmp_path, context={"max_passages": 2, "max_passage_characters": 5})
    task.check_context(["12345", "a"])
    for context, field in ((["a"] * 3, "context"), (["123456"], "context.0"), (["a", " "], "context.1")):
        with pytest.raises(InputError) as error:
            task.check_context(context)
        assert error.value.field == field


@pytest.mark.parametrize(
    "changes", [{"context": {"max_passages": 0}}, {"context": {"limit": 3}}, {"evidence_calls": -1}]
)
def test_an_option_that_is_wrong_is_named(tmp_path, changes):
    with pytest.raises(InputError) as error:
        load(tmp_path, **changes)
    assert next(iter(changes)) in error.value.field
