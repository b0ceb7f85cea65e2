"""Test cases of promptfoo: the text as a variable, the label as the expected output. Pure.

The format: https://www.promptfoo.dev/docs/configuration/test-cases. A list in a JSON file is one of its forms.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from signalbox.requests.exchange.label_studio import json_list
from signalbox.requests.exchange.rows import FileRow, LabeledRow, Rejection, labeled_rows, text_field

_EQUALS = "equals"


def write(rows: Sequence[FileRow]) -> str:
    """The text of a file for `tests: file://…` of promptfoo."""
    cases: list[dict[str, Any]] = []
    for row in rows:
        variables = {"id": row.id, "language": row.language, "question": row.question, "text": row.text}
        asserts = [{"type": _EQUALS, "value": row.label}] if row.label else []
        cases.append({"vars": variables, "assert": asserts})
    return json.dumps(cases, ensure_ascii=False, indent=1) + "\n"


def read(text: str) -> list[LabeledRow]:
    """Rows with one `equals` assertion or none."""
    cases = json_list(text, "Write the test cases as a JSON list.")
    return labeled_rows([_row(case, f"case {number}") for number, case in enumerate(cases, 1)])


def _row(case: Any, place: str) -> LabeledRow | Rejection:  # noqa: ANN401 - any JSON
    name = text_field(case.get("vars") if isinstance(case, dict) else None, place, "id")
    if isinstance(name, Rejection):
        return name
    asserts = case.get("assert") or []
    is_list = isinstance(asserts, list) and all(isinstance(one, dict) for one in asserts)
    values = [one.get("value") for one in asserts if one.get("type") == _EQUALS] if is_list else [None]
    if not values:
        return LabeledRow(place, name, "")
    if len(values) > 1 or not isinstance(values[0], str):
        return Rejection(
            place, "assert", asserts, "Keep one assertion of the type `equals` with the label as text."
        )
    return LabeledRow(place, name, values[0].strip())
