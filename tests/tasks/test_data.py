"""The data keep what docs/reference/data.md promises."""

from collections import Counter
from pathlib import Path

import pytest

from pipelines.baselines import Length, Majority, Tfidf, accuracy
from pipelines.classes import YES_NO
from signalbox.contracts.record import LabeledText
from signalbox.tasks import known_tasks, load_data, load_task

TASKS = Path("tasks")
MEDICAL = load_task(TASKS / "medical")
ROWS = load_data(MEDICAL, tier="hard")


def part(language: str, split: str) -> list[LabeledText]:
    return [row for row in ROWS if (row.language, row.split) == (language, split)]


@pytest.mark.parametrize("name", known_tasks(TASKS))
def test_a_task_is_only_data(name: str) -> None:
    """Every folder loads, has every split with all its labels, and makes a chat."""
    task = load_task(TASKS / name)
    rows = load_data(task)
    labels = {row.label for row in rows}
    assert len(labels) >= 2
    for split in ("few-shot", "calibration", "test"):
        assert {row.label for row in rows if row.split == split} == labels
    for language in task.languages:
        chat = task.messages("A text with {braces}.", language)
        assert chat[0]["role"] == "system"
        assert "A text with {braces}." in chat[-1]["content"]
    assert len(known_tasks(TASKS)) >= 2


def test_there_are_enough_sentences_of_each_label_and_language() -> None:
    counts = Counter((row.language, row.label) for row in ROWS)
    assert all(counts[language, label] >= 100 for language in ("en", "de") for label in ("yes", "no"))


def test_few_shot_is_five_and_five() -> None:
    for language in ("en", "de"):
        assert Counter(row.label for row in part(language, "few-shot")) == {"yes": 5, "no": 5}


def test_no_text_appears_twice() -> None:
    assert len({row.text for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("learnt_from", ["few-shot", "calibration"])
def test_length_and_majority_do_not_give_the_label_away(language: str, learnt_from: str) -> None:
    """TF-IDF is reported beside them: run pytest with -s."""
    train, test = part(language, learnt_from), part(language, "test")
    reached = {kind.__name__: accuracy(kind(YES_NO), train, test) for kind in (Majority, Length, Tfidf)}
    print(language, learnt_from, reached)
    assert reached["Majority"] <= 0.60
    assert reached["Length"] <= 0.60


def test_committed_data_are_what_the_families_give() -> None:
    """`data.jsonl` is not edited by hand."""
    import json
    import runpy

    folder = TASKS / "medical"
    rows = runpy.run_path(str(folder / "make_data.py"))["rows"]
    committed = (folder / "data.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in committed] == list(rows())
