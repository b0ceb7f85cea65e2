"""Tasks and annotations of Label Studio, as its JSON import and export have them. Pure.

The format: https://labelstud.io/guide/tasks and https://labelstud.io/guide/export. The labeling configuration needs a
`<Choices>` over the text; its choices are the labels of the task, and `unjudgeable`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from signalbox.errors import InputError
from signalbox.requests.exchange.rows import SKIP, FileRow, LabeledRow, Rejection, labeled_rows, text_field


def write(rows: Sequence[FileRow]) -> str:
    """The text of a file for Label Studio's import."""
    tasks = []
    for row in rows:
        data = {"id": row.id, "language": row.language, "question": row.question, "text": row.text}
        tasks.append({"data": data} | ({"annotations": [_annotation(row.label)]} if row.label else {}))
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def read(text: str) -> list[LabeledRow]:
    """Rows of an export with one annotation or none for each task; a cancelled one is skipped."""
    tasks = json_list(text, "Export from Label Studio as JSON.")
    return labeled_rows([_row(task, f"task {number}") for number, task in enumerate(tasks, 1)])


def json_list(text: str, hint: str) -> list[Any]:
    """A file with a JSON list. Raises InputError."""
    try:
        rows = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise InputError("file", "(not JSON)", hint, problem=f"The file is not JSON: {error}.") from error
    if not isinstance(rows, list):
        raise InputError("file", type(rows).__name__, hint, problem="The file is not a JSON list.")
    return rows


def _annotation(label: str) -> dict[str, Any]:
    choice = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
    return {"result": [choice]}


def _row(task: Any, place: str) -> LabeledRow | Rejection:  # noqa: ANN401 - any JSON
    name = text_field(task.get("data") if isinstance(task, dict) else None, place, "id")
    if isinstance(name, Rejection):
        return name
    annotations = task.get("annotations") or []
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        return Rejection(
            place, "annotations", annotations, "Export from Label Studio as JSON, not as JSON-MIN."
        )
    if not annotations:
        return LabeledRow(place, name, "")
    submitted = [one for one in annotations if not one.get("was_cancelled")]
    if not submitted:
        return LabeledRow(place, name, SKIP)
    choices = [choice for one in submitted for choice in _choices(one)]
    if len(set(choices)) != 1:
        hint = "Keep one annotation with one choice; import those of a second person with another --reviewer."
        return Rejection(place, "annotations", choices, hint)
    return LabeledRow(place, name, choices[0])


def _choices(annotation: dict[str, Any]) -> list[str]:
    results = annotation.get("result")
    values = (
        [one.get("value") for one in results if isinstance(one, dict)] if isinstance(results, list) else []
    )
    return [
        choice.strip()
        for value in values
        if isinstance(value, dict) and isinstance(value.get("choices"), list)
        for choice in value["choices"]
        if isinstance(choice, str)
    ]
