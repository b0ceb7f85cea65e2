"""Loading a task: what is wrong is named."""

from pathlib import Path

import pytest

from signalbox.errors import InputError
from signalbox.tasks import load_data, load_task

TASK = """
name: toy
title: {en: Toy}
question: {en: "Is it?"}
languages:
  en:
    system: Answer.
    words: {"yes": ["Yes"], "no": ["No"]}
    turns: []
"""
LINE = '{"id":"1","text":"t","label":"yes","language":"en","family":"f","split":"%s"}\n'


def make(folder: Path, task: str = TASK, data: str = "") -> Path:
    (folder / "task.yaml").write_text(task, encoding="utf-8")
    (folder / "data.jsonl").write_text(data, encoding="utf-8")
    return folder


def test_a_folder_without_a_task_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="medical, tickets"):
        load_task(Path("tasks/nonsense"))


def test_an_unknown_language_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"language: got 'fr'.*en"):
        load_task(make(tmp_path)).language("fr")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"no":', '"nope":', "words"),
        ('"no": ["No"]', 'no: ["No"]', "quotes"),
        ('["Yes"]', "[Yes]", "quotes"),
        ("system: Answer.", "system: Answer.\n    user: no place", "user"),
        ("name: toy", "name: Toy Task", "name"),
        ("title:", "titel:", "titel|title"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, old: str, new: str, field: str) -> None:
    with pytest.raises(InputError, match=field):
        load_task(make(tmp_path, TASK.replace(old, new)))


def test_something_else_than_yaml(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"task\.yaml"):
        load_task(make(tmp_path, "- a\n- list\n"))


def test_a_bad_line_is_numbered(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.jsonl:2"):
        load_data(load_task(make(tmp_path, data=LINE % "test" + "{not json\n")))


def test_a_family_in_two_splits_leaks(tmp_path: Path) -> None:
    other = (LINE % "calibration").replace('"1"', '"2"')
    task = load_task(make(tmp_path, data=LINE % "test" + other))
    with pytest.raises(InputError, match="Keep a family in one split"):
        load_data(task)


def test_two_rows_of_one_id_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 rows have it"):
        load_data(load_task(make(tmp_path, data=LINE % "test" + LINE % "test")))


def test_a_line_may_hold_a_line_separator(tmp_path: Path) -> None:
    data = (LINE % "test").replace('"t"', '"one\u2028two"')
    assert [row.text for row in load_data(load_task(make(tmp_path, data=data)))] == ["one\u2028two"]


def test_data_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    task = load_task(make(tmp_path))
    (tmp_path / "data.jsonl").write_bytes(b'{"text": "\xff"}')
    with pytest.raises(InputError, match="UTF-8"):
        load_data(task)
    (tmp_path / "data.jsonl").unlink()
    with pytest.raises(InputError, match="No such file"):
        load_data(task)


def test_rows_of_another_tier_are_selected_only_by_name(tmp_path: Path) -> None:
    """A job that names no tier reports the same figures whatever else is added."""
    everyday = (LINE % "test").replace('"1"', '"2"').replace('"f"', '"g"')
    data = (LINE % "test") + everyday.replace('"split"', '"tier":"everyday","split"')
    task = load_task(make(tmp_path, data=data))
    assert [row.id for row in load_data(task)] == ["1"]
    assert [row.id for row in load_data(task, "test")] == ["1"]
    assert [row.id for row in load_data(task, tier="everyday")] == ["2"]


def test_a_family_in_splits_of_two_tiers_leaks_as_well(tmp_path: Path) -> None:
    other = (LINE % "pool").replace('"1"', '"2"').replace('"split"', '"tier":"everyday","split"')
    with pytest.raises(InputError, match="Keep a family in one split"):
        load_data(load_task(make(tmp_path, data=LINE % "test" + other)))


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ('"decisive":[0,2]', r"decisive: \[0, 2\] is not a part of the text of 1 characters"),
        ('"decisive":[1,1]', r"decisive: \[1, 1\]"),
        ('"decisive":[-1,1]', r"decisive: \[-1, 1\]"),
        ('"tier":"easy"', "tier"),
    ],
)
def test_a_wrong_tier_or_offset_is_named(tmp_path: Path, field: str, reason: str) -> None:
    data = (LINE % "test").replace('"split"', field + ',"split"')
    with pytest.raises(InputError, match=reason):
        load_data(load_task(make(tmp_path, data=data)))
