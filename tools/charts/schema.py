"""The values.schema.json (draft 07) of a chart, from its values.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.charts.values import Key, read
from tools.charts.vendor import dependencies, libraries

# Keys at the top that hold YAML anchors and nothing else.
ANCHORS = "^x-"
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
    """The schema of a chart's values: unknown keys are rejected wherever values.yaml does not open a map.

    Helm removes what is set to null, and templates cannot do without a key that has a default: such keys are required,
    so that helm names the key and no template fails over nil. They are listed apart, since a `$ref` to a map would
    otherwise require them wherever it is used.
    """
    keys = read(chart / "values.yaml")
    properties = _properties(keys) | {name: _library(name) for name in libraries(chart)}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Values of the chart {chart.name}",
        "type": "object",
        "additionalProperties": False,
        "patternProperties": {ANCHORS: {"description": "Anything, for YAML anchors."}},
        "properties": properties,
        "allOf": [_required(keys)],
        **_definitions(chart, properties),
    }


def schema_file(chart: Path) -> str:
    """The text of values.schema.json."""
    return json.dumps(schema(chart), indent=2, ensure_ascii=False) + "\n"


def type_name(default: object) -> str | None:
    """The JSON type of a default; None for null."""
    return next((name for kind, name in _TYPES if isinstance(default, kind)), None)


def _definitions(chart: Path, properties: dict[str, Any]) -> dict[str, Any]:
    """The values of the dependencies that a property refers to: partial, because the dependency's defaults complete them."""
    text = json.dumps(properties)
    definitions = {
        name: {
            "type": "object",
            "additionalProperties": False,
            "properties": _properties(read(source / "values.yaml")),
        }
        for name, source in dependencies(chart).items()
        if f'"#/definitions/{name}"' in text
    }
    return {"definitions": definitions} if definitions else {}


def _library(name: str) -> dict[str, Any]:
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
    property_schema: dict[str, Any] = {"description": key.text}
    derived = type_name(key.default)
    if derived and not key.schema.keys() & {"type", "enum", "const", "anyOf", "oneOf", "$ref"}:
        property_schema["type"] = derived
    if derived == "object":
        property_schema["additionalProperties"] = False
        if key.children:
            property_schema["properties"] = _properties(key.children)
    elif key.default is not None:
        property_schema["default"] = key.default
    merged = property_schema | key.schema
    if "properties" in property_schema and "properties" in key.schema:
        merged["properties"] = property_schema["properties"] | key.schema["properties"]
    return _nullable(merged) if key.default is None else merged


def _nullable(property_schema: dict[str, Any]) -> dict[str, Any]:
    """Allow the default null in addition to what `@schema` names."""
    if isinstance(property_schema.get("type"), str):
        property_schema["type"] = [property_schema["type"], "null"]
    if "enum" in property_schema and None not in property_schema["enum"]:
        property_schema["enum"] = [*property_schema["enum"], None]
    return property_schema
