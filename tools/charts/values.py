"""Read a values.yaml with its comments: one tree of keys, each with its default, its text and its `@schema`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from signalbox.errors import InputError

_MARK = "@schema"


@dataclass(frozen=True)
class Key:
    """A key of values.yaml."""

    path: str
    default: Any
    text: str
    schema: dict[str, Any]
    children: list[Key] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether users add keys of their own below this one."""
        return self.schema.get("additionalProperties", False) is not False


def read(path: Path) -> list[Key]:
    """The keys of a values.yaml, in its order."""
    text = path.read_text(encoding="utf-8")
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        raise InputError(str(path.name), type(node).__name__, "A values file is a map of keys.")
    return _keys(node, yaml.safe_load(text), text.splitlines(), prefix="", bare=False)


def walk(keys: list[Key]) -> list[Key]:
    """All keys, each before those below it."""
    return [item for key in keys for item in (key, *walk(key.children))]


def _keys(
    node: yaml.MappingNode, values: dict[str, Any], lines: list[str], prefix: str, bare: bool
) -> list[Key]:
    keys = []
    for name, value in node.value:
        path = f"{prefix}{name.value}"
        text, schema = _comment(path, lines, name.start_mark.line, name.start_mark.column)
        if not text and bare:
            continue  # an entry of a map that users extend speaks for itself
        key = Key(path, values[name.value], text, schema)
        if isinstance(value, yaml.MappingNode):
            key.children.extend(_keys(value, key.default, lines, f"{path}.", bare=key.open))
        _check(key)
        keys.append(key)
    return keys


def _comment(path: str, lines: list[str], line: int, column: int) -> tuple[str, dict[str, Any]]:
    """The text and the `@schema` of the comment that ends on the line above, at the key's own indentation."""
    start = " " * column + "#"
    block: list[str] = []
    while line > 0 and lines[line - 1].startswith(start):
        line -= 1
        block.insert(0, lines[line][len(start) :].strip())
    schema: dict[str, Any] = {}
    for row in (row for row in block if row.startswith(_MARK)):
        try:
            schema |= json.loads(row.removeprefix(_MARK))
        except ValueError as error:
            raise InputError(path, row, f"Write one JSON object after {_MARK} ({error}).") from None
    return " ".join(row for row in block if row and not row.startswith((_MARK, "#"))), schema


def _check(key: Key) -> None:
    if not key.text:
        raise InputError(key.path, "no comment", "Describe the key in full sentences above it.")
    type_keys = key.schema.keys() & {"type", "enum", "const", "anyOf", "oneOf", "$ref"}
    if key.default is None and not type_keys:
        raise InputError(key.path, None, f'Name its type: # {_MARK} {{"type": "string"}}')
    if key.default == {} and not key.schema.keys() & {"additionalProperties", "properties", "$ref"}:
        hint = f'Name its contents: # {_MARK} {{"additionalProperties": {{"type": "string"}}}}'
        raise InputError(key.path, {}, hint)
