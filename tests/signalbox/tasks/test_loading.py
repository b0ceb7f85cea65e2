"""Loading a task: what is wrong is named."""

from pathlib import Path

import pytest

from signalbox.errors import InputError
from signalbox.tasks import evaluation_rows, load_all, load_data, load_task, select_tiers, tiers_of

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


def of_tier(name: str, tier: str, split: str = "test") -> str:
    """A line of a family of its own."""
    line = (LINE % split).replace('"1"', f'"{name}"').replace('"f"', f'"family {name}"')
    return line.replace('"split"', f'"tier":"{tier}","split"')


def test_no_name_selects_the_first_tier_of_the_task(tmp_path: Path) -> None:
    """Everyday comes first, whatever the order in the file. Two tiers are never mixed."""
    task = load_task(make(tmp_path, data=of_tier("1", "hard") + of_tier("2", "everyday")))
    assert [row.id for row in load_data(task)] == ["2"]
    assert [row.id for row in load_data(task, "test")] == ["2"]
    assert [row.id for row in load_data(task, tier="hard")] == ["1"]
    assert [row.id for row in load_all(task)] == ["1", "2"]
    assert tiers_of(load_all(task)) == ("everyday", "hard")
    assert select_tiers(task) == ("everyday",)
    assert select_tiers(task, ["hard", "everyday"]) == ("everyday", "hard")


def test_a_task_with_one_tier_has_it_as_its_first(tmp_path: Path) -> None:
    task = load_task(make(tmp_path, data=of_tier("1", "hard")))
    assert [row.id for row in load_data(task)] == ["1"]
    with pytest.raises(InputError, match=r"--tier: got 'everyday'.*Choose hard"):
        select_tiers(task, ["everyday"])


def test_a_task_without_tiers_gives_all_its_rows(tmp_path: Path) -> None:
    task = load_task(make(tmp_path, data=LINE % "test"))
    assert [(row.id, row.tier) for row in load_data(task)] == [("1", None)]
    assert select_tiers(task) == (None,)
    with pytest.raises(InputError, match=r"--tier: got 'hard'.*the task has no tiers"):
        select_tiers(task, ["hard"])


def test_rows_with_and_without_a_tier_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tier of the row `1`.*without it: 1 of 2"):
        load_data(load_task(make(tmp_path, data=LINE % "test" + of_tier("2", "hard"))))


def test_passages_are_not_among_the_rows_of_an_evaluation(tmp_path: Path) -> None:
    passage = (LINE % "test").replace('"1"', '"2"').replace('"f"', '"g"')
    data = LINE % "test" + passage.replace('"split"', '"decisive":[0,1],"split"')
    task = load_task(make(tmp_path, data=data))
    assert [row.id for row in load_data(task, "test")] == ["1", "2"]
    assert [row.id for row in evaluation_rows(task)] == ["1"]


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
