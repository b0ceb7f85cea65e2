"""Records to labeled texts: what is left out, merged and rejected."""

from pathlib import Path

import pytest

from signalbox.errors import InputError
from signalbox.new_task.columns import find_columns
from signalbox.new_task.rows import check_labels, entries_of, one_of_each, one_spelling
from signalbox.new_task.table import Row, Table


def table(*records, columns=("text", "label")):
    rows = tuple(Row(line, record) for line, record in enumerate(records, start=2))
    return Table(Path("labels.csv"), "utf-8", ",", columns, rows)


def entries(*records, **options):
    example = table(*records, **options)
    return entries_of(example, find_columns(example, {}))


def test_records_without_text_or_label_are_left_out_and_listed():
    rows, notes = entries(("a", "x"), (" ", "x"), ("b", ""), ("c", "y"), *[("d", "")] * 6)
    assert [(entry.line, entry.text, entry.label) for entry in rows] == [(2, "a", "x"), (5, "c", "y")]
    assert notes == [
        "1 records without a text: line 3",
        "7 records without a label: lines 4, 6, 7, 8, 9 and 2 more",
    ]


def test_a_label_has_one_spelling():
    decomposed = "Gro\u0308ße"
    rows, notes = one_spelling(entries(("a", "Größe"), ("b", decomposed), ("c", "größe"), ("d", "x  y"))[0])
    assert [entry.label for entry in rows] == ["Größe", "Größe", "Größe", "x y"]
    assert notes == ["`Größe`, `größe` are one label, `Größe`"]


def test_of_equal_texts_one_is_used():
    rows, notes = one_of_each(entries(("The door.", "x"), ("the  DOOR.", "x"), ("b", "y"))[0])
    assert [entry.line for entry in rows] == [2, 4]
    assert notes == ["1 duplicates: line 3"]


def test_a_contradiction_is_decided_by_more_than_half_or_left_out():
    records = [("a", "x"), ("a", "y"), ("b", "y"), ("b", "x"), ("a", "y"), ("c", "x")]
    rows, notes = one_of_each(entries(*records)[0])
    assert [(entry.line, entry.label) for entry in rows] == [(3, "y"), (7, "x")]
    assert notes == [
        "contradiction, the more frequent label counts: line 2 `x`, line 3 `y`, line 6 `y`",
        "contradiction, left out: line 4 `y`, line 5 `x`",
    ]


def test_a_language_is_the_first_part_of_its_tag():
    columns = ("text", "label", "language")
    rows, _ = entries(("a", "x", "de-AT"), ("b", "y", "EN_us"), columns=columns)
    assert [entry.language for entry in rows] == ["de", "en"]


@pytest.mark.parametrize(
    ("record", "place", "hint"),
    [
        (("a\x00b", "x", "en"), "labels.csv:3: text", "control characters"),
        (("a", "neutral", "en"), "labels.csv:3: label", "reserved"),
        (("a", "None of these", "en"), "labels.csv:3: label", "reserved"),
        (("a", "y" * 61, "en"), "labels.csv:3: label", "60 characters"),
        (("a", "x\u202ey", "en"), "labels.csv:3: label", "direction marks"),
        (("a", "x", "English"), "labels.csv:3: language", "two or three letters"),
        (("a", "x", ""), "labels.csv:3: language", "two or three letters"),
    ],
)
def test_a_cell_that_is_unusable_is_an_error_with_its_line(record, place, hint):
    with pytest.raises(InputError) as caught:
        entries(("b", "z", "en"), record, columns=("text", "label", "language"))
    assert caught.value.field == place
    assert hint in caught.value.hint


@pytest.mark.parametrize("count", [0, 1, 21])
def test_a_task_has_two_to_twenty_labels(count):
    example = table(*((f"text {n}", f"label {n}") for n in range(count)))
    rows, _ = entries_of(example, find_columns(example, {"text": "text", "label": "label"}))
    with pytest.raises(InputError, match=rf"labels.csv has {count} labels"):
        check_labels(example, rows)
