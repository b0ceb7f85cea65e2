"""Columns by option, name and content."""

from pathlib import Path

import pytest

from signalbox.errors import InputError
from signalbox.new_task.columns import find_columns
from signalbox.new_task.table import Row, Table

LONG = [f"A long text about thing number {n}, which nobody has written before." for n in range(8)]


def table(columns, *cells):
    rows = tuple(Row(line, row) for line, row in enumerate(zip(*cells, strict=True), start=2))
    return Table(Path("labels.csv"), "utf-8", ",", columns, rows)


def test_columns_have_names_in_english_and_german():
    columns = find_columns(table(("Sprache", "KATEGORIE", "nr", "Satz"), *[["x"]] * 4), {})
    assert (columns.text, columns.label, columns.language, columns.family) == (3, 1, 0, None)
    assert set(columns.reasons.values()) == {"by name"}


def test_without_a_known_name_the_content_decides():
    columns = find_columns(table(("number", "a", "b"), list("12345678"), LONG, ["x", "y"] * 4), {})
    assert (columns.text, columns.label) == (1, 2)
    assert columns.reasons == {"text": "by content", "label": "by content"}


def test_an_option_is_a_name_or_a_number_and_goes_first():
    example = table(("text", "label", "second"), LONG, ["x", "y"] * 4, ["v", "w"] * 4)
    assert find_columns(example, {"label": "SECOND"}).label == 2
    assert find_columns(example, {"label": "3"}).label == 2
    assert find_columns(example, {"family": "label", "label": "second"}).family == 1


@pytest.mark.parametrize(
    ("columns", "cells", "options", "message"),
    [
        (("a", "b"), [LONG, ["x", "y"] * 4], {"label": "c"}, "--label-column: got 'c'"),
        (("a", "b"), [LONG, ["x", "y"] * 4], {"label": "3"}, "--label-column: got '3'"),
        (
            ("a", "b", "c"),
            [LONG, ["x", "y"] * 4, ["v", "w"] * 4],
            {},
            "which column of labels.csv has the labels",
        ),
        (("label", "b", "c"), [["x", "y"] * 4, LONG, LONG], {}, "which column of labels.csv has the texts"),
        (("text", "b"), [LONG, LONG], {"label": "text"}, "--label-column: got 'text'"),
        (("label",), [["x", "y"] * 4], {}, "which column of labels.csv has the texts"),
    ],
)
def test_an_unclear_column_is_an_error_that_lists_them(columns, cells, options, message):
    with pytest.raises(InputError) as caught:
        find_columns(table(columns, *cells), options)
    assert message in caught.value.message
    assert "column" in caught.value.hint
