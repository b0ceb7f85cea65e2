"""Files of requests: exact round trips, safe for spreadsheets, and every wrong row named."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.contracts.requests import ReviewAction, ReviewEntry, ReviewState
from signalbox.errors import InputError
from signalbox.requests.entries import entries_of
from signalbox.requests.exchange import FORMATS, FileRow, LabeledRow, RowsRejected
from signalbox.tasks import load_task
from tests.signalbox.request_rows import rows_of, sampling

TASK = load_task(Path("tasks/medical"))
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
_HARD = [
    "=1+1",
    "'=1+1",
    "''=x",
    "+49 30",
    "-",
    "@x",
    'a "b"; c',
    "x\ny",
    "\r\n",
    "\tz",
    "ä\u2028ö",
    "😀",
    "'",
]


@pytest.mark.parametrize("name", FORMATS)
@given(texts=st.lists(st.one_of(_TEXT, st.sampled_from(_HARD)), min_size=1, max_size=4))
def test_labels_come_back_as_they_were_written(name: str, texts: list[str]) -> None:
    rows = [FileRow(f"id-{i}", "de", "Frage?", text, f"label {i}") for i, text in enumerate(texts)]
    read = FORMATS[name].read(FORMATS[name].write(rows))
    assert [(row.id, row.label) for row in read] == [(row.id, row.label) for row in rows]


@given(texts=st.lists(st.one_of(_TEXT, st.sampled_from(_HARD)), min_size=1, max_size=4))
def test_no_cell_of_a_csv_begins_like_a_formula_and_texts_stay_exact(texts: list[str]) -> None:
    rows = [FileRow("id", "de", "Frage?", text) for text in texts]
    content = FORMATS["csv"].write(rows)
    assert content.startswith("\ufeff")
    cells = [row[3] for row in csv.reader(io.StringIO(content[1:], newline=""), delimiter=";")][1:]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in cells)
    for cell, text in zip(cells, texts, strict=True):
        assert cell in (text, f"'{text}")


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_what_spreadsheets_make_of_a_csv_is_read(delimiter: str, mark: str) -> None:
    lines = [["Label", "ID", "text"], ["yes", "a", "x"], ["", "", ""], ["no", "b", f'"y{delimiter}z"']]
    content = mark + "\r\n".join(delimiter.join(cells) for cells in lines) + "\r\n"
    rows = FORMATS["csv"].read(content)
    assert [(row.place, row.id, row.label) for row in rows] == [("line 2", "a", "yes"), ("line 4", "b", "no")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("csv", "id;text\na;x\n", "line 1: the column `label` is missing"),
        ("csv", "", "the column `id` is missing"),
        ("csv", 'id;label\na;"yes\n', "not CSV"),
        ("csv", "id;label\na;yes;more\n", "line 2, cells: got 3"),
        ("csv", 'id;label\n"a\nb";yes\n;no\n', "line 4, id"),
        ("jsonl", '{"id": "a", "label": "yes"}\nnonsense\n', "line 2, row"),
        ("jsonl", '{"label": "yes"}\n', "line 1, id: got None"),
        ("jsonl", '{"id": "a", "label": 1}\n', "line 1, label: got 1"),
        ("label-studio", "{}", "not a JSON list"),
        ("label-studio", "nonsense", "not JSON"),
        ("label-studio", '[{"data": {"text": "x"}}]', "task 1, id"),
        (
            "promptfoo",
            '[{"vars": {"id": "a"}, "assert": [{"type": "equals", "value": 1}]}]',
            "case 1, assert",
        ),
        ("promptfoo", "[3]", "case 1, id"),
    ],
)
def test_a_file_that_cannot_be_read_names_place_and_hint(name: str, content: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        FORMATS[name].read(content)
    assert message in caught.value.message
    assert caught.value.hint


def _label_studio(*annotations: object) -> str:
    return json.dumps([{"id": 7, "data": {"id": "a"}, "annotations": list(annotations)}])


def _choice(label: str, **fields: object) -> dict[str, object]:
    return {"result": [{"type": "choices", "value": {"choices": [label]}}], **fields}


def test_annotations_of_label_studio_are_read() -> None:
    read = FORMATS["label-studio"].read
    assert read(_label_studio(_choice("yes")))[0].label == "yes"
    assert read(_label_studio())[0].label == ""
    assert read(_label_studio(_choice("yes", was_cancelled=True)))[0].label == "skip"
    assert read(_label_studio(_choice("no", was_cancelled=True), _choice("yes")))[0].label == "yes"
    with pytest.raises(RowsRejected, match="one annotation"):
        read(_label_studio(_choice("no"), _choice("yes")))


# --- matched with requests --------------------------------------------------------------------------------

_, REQUESTS = rows_of(sampling(), 3)


def _states(*labels: str | None) -> list[ReviewState]:
    states = []
    for request, label in zip(REQUESTS, [*labels, None, None, None], strict=False):
        entry = {"action": "label", "label": label, "reviewer": "ada", "created_at": "2026-11-01T00:00:00Z"}
        entries = (ReviewEntry.model_validate(entry),) if label else ()
        states.append(ReviewState(request=request, slot=1, asked_at=None, entries=entries))
    return states


def _row(number: int, label: str) -> LabeledRow:
    return LabeledRow(f"line {number + 2}", REQUESTS[number].id, label)


@pytest.mark.parametrize(
    ("cell", "action", "label"),
    [
        ("yes", "label", "yes"),
        ("YES", "label", "yes"),
        ("Yes", "label", "yes"),
        ("No", "label", "no"),
        ("skip", "skip", None),
        ("Unjudgeable", "unjudgeable", None),
    ],
)
def test_a_cell_is_a_label_its_word_or_why_there_is_none(cell: str, action: str, label: str | None) -> None:
    (entry,) = entries_of([_row(0, cell)], _states(), TASK).entries
    assert (entry.action, entry.label) == (ReviewAction(action), label)


def test_every_wrong_row_is_named_and_nothing_is_imported() -> None:
    rows = [_row(0, "yes"), _row(1, "maybe"), LabeledRow("line 9", "nowhere", "yes"), _row(0, "no")]
    with pytest.raises(RowsRejected) as caught:
        entries_of(rows, _states(), TASK)
    assert [(one.place, one.field) for one in caught.value.rejections] == [
        ("line 3", "label"),
        ("line 9", "id"),
        ("line 2", "label"),
    ]
    assert "Use one of `yes`, `no`, `skip` or `unjudgeable`" in caught.value.message


def test_the_same_file_again_changes_nothing_and_another_label_is_a_correction() -> None:
    rows = [_row(0, "yes"), _row(1, "no"), _row(1, "no"), _row(2, "")]
    first = entries_of(rows, _states(), TASK)
    assert (len(first.entries), first.unchanged, first.unanswered, first.corrected) == (2, 1, 1, 0)
    again = entries_of(rows, _states("yes", "no"), TASK)
    assert (len(again.entries), again.unchanged, again.corrected) == (0, 3, 0)
    corrected = entries_of(rows, _states("no", "no"), TASK)
    assert (len(corrected.entries), corrected.corrected) == (1, 1)
