"""One JSON object a line. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from signalbox.requests.exchange.rows import FileRow, LabeledRow, Rejection, labeled_rows, text_field


def write(rows: Sequence[FileRow]) -> str:
    """The text of a file."""
    return "".join(f"{json.dumps(asdict(row), ensure_ascii=False)}\n" for row in rows)


def read(text: str) -> list[LabeledRow]:
    """Rows with the fields id and label; others are passed over."""
    # Not splitlines: a text may contain U+2028, which is no end of a JSON line.
    lines = text.removeprefix("\ufeff").split("\n")
    return labeled_rows(
        [_row(line, f"line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    )


def _row(line: str, place: str) -> LabeledRow | Rejection:
    try:
        row = json.loads(line)
    except ValueError as error:
        return Rejection(place, "row", line, f"Write one JSON object a line: {error}.")
    name = text_field(row, place, "id")
    label = text_field(row, place, "label", is_optional=True)
    if isinstance(name, Rejection):
        return name
    return label if isinstance(label, Rejection) else LabeledRow(place, name, label)
