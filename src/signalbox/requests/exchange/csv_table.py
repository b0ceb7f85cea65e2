"""CSV that spreadsheets open and save unharmed: UTF-8 with a byte order mark, semicolons, each cell in quotes. Pure.

A text that begins like a formula gets an apostrophe in front, so that no spreadsheet computes it; reading takes it off again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, fields

from signalbox.errors import InputError
from signalbox.requests.exchange.rows import FileRow, LabeledRow, Rejection, labeled_rows

_MARK = "\ufeff"
_HEADER = [field.name for field in fields(FileRow)]
_NEEDED = ("id", "label")
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_DELIMITERS = ";,\t"


def write(rows: Sequence[FileRow]) -> str:
    """The text of a file."""
    buffer = io.StringIO()
    table = csv.writer(buffer, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    table.writerow(_HEADER)
    table.writerows([_guarded(cell) for cell in astuple(row)] for row in rows)
    return _MARK + buffer.getvalue()


def read(text: str) -> list[LabeledRow]:
    """Rows of a file with the columns id and label, in any order and with any of the usual delimiters."""
    text = text.removeprefix(_MARK)
    header_line = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=header_line.count)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    pairs: list[LabeledRow | Rejection] = []
    try:
        header = [cell.strip().casefold() for cell in next(table, [])]
        _check_header(header)
        line = table.line_num + 1
        for cells in table:
            if any(cell.strip() for cell in cells):
                pairs.append(_row(header, cells, f"line {line}"))
            line = table.line_num + 1
    except csv.Error as error:
        hint = "Save the table as CSV again, with each cell in quotes."
        problem = f"line {table.line_num}: not CSV: {error}."
        raise InputError("line", table.line_num, hint, problem=problem) from error
    return labeled_rows(pairs)


def _check_header(header: Sequence[str]) -> None:
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise InputError(
            "line 1",
            ";".join(header),
            f"Keep the header of the export: {';'.join(_HEADER)}.",
            problem=f"line 1: the column `{missing[0]}` is missing.",
        )


def _row(header: Sequence[str], cells: Sequence[str], place: str) -> LabeledRow | Rejection:
    if len(cells) != len(header):
        hint = f"Write {len(header)} cells, as in the header; put a text that has the delimiter in quotes."
        return Rejection(place, "cells", len(cells), hint)
    row = dict(zip(header, (_plain(cell) for cell in cells), strict=True))
    if not row["id"].strip():
        return Rejection(place, "id", row["id"], "Keep the id of the export.")
    return LabeledRow(place, row["id"].strip(), row["label"].strip())


def _guarded(cell: str) -> str:
    # A text that has such an apostrophe itself gets another one, so that reading is exact.
    return f"'{cell}" if cell.lstrip("'").startswith(_FORMULA) else cell


def _plain(cell: str) -> str:
    is_guarded = cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA)
    return cell[1:] if is_guarded else cell
