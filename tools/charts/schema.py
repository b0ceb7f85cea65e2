"""The values.schema.json (draft 07) of a chart, from its values.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.charts.changes import admit
from tools.charts.values import Key, read
from tools.charts.vendor import dependencies

# bool before int: in Python a bool is an int.
_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


def schema(chart: Path) -> dict[str, Any]:
    """The schema of a chart's values: unknown keys are refused wherever values.yaml does not open a map.

    Helm removes what is set to null, and templates cannot do without a key that has a default: such keys are required,
    so that helm names the key and no template fails over nil. They are listed apart, since a `$ref` to a map would
    otherwise require them wherever it is taken up.
    """
    keys = read(chart / "values.yaml")
    made = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Values of the chart {chart.name}",
        "type": "object",
        "additionalProperties": False,
        "properties": _properties(keys) | {name: _subchart(name) for name in dependencies(chart)},
        "allOf": [_required(keys)],
    }
    admit(chart, made)
    return made


def schema_file(chart: Path) -> str:
    """The text of values.schema.json."""
    return json.dumps(schema(chart), indent=2, ensure_ascii=False) + "\n"


def type_name(default: object) -> str | None:
    """The JSON type of a default; None for null."""
    return next((name for kind, name in _TYPES if isinstance(default, kind)), None)


def _subchart(name: str) -> dict[str, Any]:
    """The values of a library chart: it has none, but Helm passes `global` down to it."""
    return {
        "description": f"Set by Helm for the library chart {name}.",
        "type": "object",
        "additionalProperties": False,
        "properties": {"global": {"type": "object"}},
    }


def _properties(keys: list[Key]) -> dict[str, Any]:
    return {_name(key): _property(key) for key in keys}


def _required(keys: list[Key]) -> dict[str, Any]:
    """The keys that null cannot stand for, here and below: for an empty text, list or map it means "none" as well."""
    below = {_name(key): _required(key.children) for key in keys if key.children and not key.open}
    return {
        "required": [_name(key) for key in keys if not _may_be_null(key)],
        "properties": {name: needed for name, needed in below.items() if needed["required"]},
    }


def _may_be_null(key: Key) -> bool:
    return key.default in (None, "", [], {}) or "null" in key.schema.get("type", ())


def _name(key: Key) -> str:
    return key.path.rpartition(".")[2]


def _property(key: Key) -> dict[str, Any]:
    made: dict[str, Any] = {"description": key.text}
    derived = type_name(key.default)
    if derived and not key.schema.keys() & {"type", "enum", "const", "anyOf", "oneOf", "$ref"}:
        made["type"] = derived
    if derived == "object":
        made["additionalProperties"] = False
        if key.children:
            made["properties"] = _properties(key.children)
    elif key.default is not None:
        made["default"] = key.default
    merged = made | key.schema
    if "properties" in made and "properties" in key.schema:
        merged["properties"] = made["properties"] | key.schema["properties"]
    return _nullable(merged) if key.default is None else merged


def _nullable(made: dict[str, Any]) -> dict[str, Any]:
    """The default null is allowed beside what `@schema` names."""
    if isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if "enum" in made and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    return made
