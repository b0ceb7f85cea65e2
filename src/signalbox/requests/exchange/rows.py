"""Rows of a file of requests, and what is wrong with them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from signalbox.errors import InputError, shorten

SKIP, UNJUDGEABLE = "skip", "unjudgeable"

_MOST_SHOWN = 20


@dataclass(frozen=True)
class FileRow:
    """One request in a file. `label` is empty until somebody enters it."""

    id: str
    language: str
    question: str
    text: str
    label: str = ""


@dataclass(frozen=True)
class LabeledRow:
    """One row that came back. `place` is where it is in the file, for messages. An empty `label` is no answer."""

    place: str
    id: str
    label: str


@dataclass(frozen=True)
class Rejection:
    """What is wrong with a row, and what to do."""

    place: str
    field: str
    value: object
    hint: str

    def __str__(self) -> str:
        return f"{self.place}, {self.field}: got {shorten(self.value)}. {self.hint}"


class RowsRejected(InputError):  # noqa: N818 - reads as what happened
    """Rows that cannot be imported. Nothing of the file is."""

    def __init__(self, rejections: Sequence[Rejection]) -> None:
        self.rejections = tuple(rejections)
        shown = [str(one) for one in rejections[:_MOST_SHOWN]]
        if len(rejections) > _MOST_SHOWN:
            shown.append(f"and {len(rejections) - _MOST_SHOWN} more")
        count = "1 row" if len(rejections) == 1 else f"{len(rejections)} rows"
        problem = f"{count} rejected, nothing imported:\n" + "\n".join(f"  {line}" for line in shown)
        first = rejections[0]
        super().__init__(
            first.field, first.value, "Correct these rows and import the file again.", problem=problem
        )


def text_field(row: Any, place: str, field: str, *, is_optional: bool = False) -> str | Rejection:  # noqa: ANN401
    """A field of a JSON object as text."""
    value = row.get(field) if isinstance(row, dict) else None
    if value is None and is_optional:
        return ""
    if not isinstance(value, str) or not (value.strip() or is_optional):
        return Rejection(place, field, value, f"Write the {field} of the export as text.")
    return value.strip()


def labeled_rows(pairs: Sequence[LabeledRow | Rejection]) -> list[LabeledRow]:
    """The rows if all can be read. Raises RowsRejected with all that cannot."""
    if rejections := [one for one in pairs if isinstance(one, Rejection)]:
        raise RowsRejected(rejections)
    return [one for one in pairs if isinstance(one, LabeledRow)]
