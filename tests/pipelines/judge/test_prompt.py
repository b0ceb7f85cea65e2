"""The judge's prompt explains what the labels mean."""

from pathlib import Path

import pytest

from pipelines.judge.client import prompt_for
from pipelines.judge.criteria import load_criteria
from signalbox.tasks import load_task
from tests.helpers import record

CRITERIA = load_criteria(load_task(Path("tasks/medical")))


@pytest.mark.parametrize("language", ["en", "de"])
def test_each_label_has_its_word_and_its_meaning(language):
    task = load_task(Path("tasks/tickets"))
    answer = record(task="tickets", language=language, verdict="access")
    lines = prompt_for(task, answer, CRITERIA, None).splitlines()
    for label in task.names:
        assert f"- {task.word(label, language)}: {task.description(label, language)}" in lines
    assert lines.index(f"{task.word('access', language)}. Because.") > lines.index("<input>")


def test_a_yes_no_question_without_descriptions_is_put_as_before():
    task = load_task(Path("tasks/medical"))
    prompt = prompt_for(task, record(), CRITERIA[:1], None)
    assert prompt == (
        f"Task: {task.question['en']}\n<input>\nThe aid is indicated.\n</input>\n"
        f"<answer>\nYes. Because.\n</answer>\nQuestions:\n1: {CRITERIA[0].question}"
    )
