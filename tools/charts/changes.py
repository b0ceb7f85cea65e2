"""Keys of values that earlier versions of a chart had: its files/changes.yaml, and the template that explains them.

A key that was renamed or removed stays in the schema, so that the table's sentence speaks and not the schema, which
would only say that it knows no such key.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from signalbox.errors import InputError

TEMPLATE = Path(__file__).parent / "changes.yaml.tpl"
# Helm runs the deepest template with the last name first: what is refused for its old name is refused for nothing else.
PLACE = Path("templates", "upgrade", "changes.yaml")
_FIELDS = {"key", "version", "says"}


@dataclass(frozen=True)
class Change:
    """A key that is no more: its path, the chart version that ended it, and what to write now."""

    key: str
    version: str
    says: str


def changes(chart: Path) -> list[Change]:
    """The changes of a chart; none where it has no table. Raises InputError on a wrong row."""
    table = chart / "files" / "changes.yaml"
    rows = yaml.safe_load(table.read_text(encoding="utf-8")) if table.is_file() else []
    for row in rows or []:
        if not isinstance(row, dict) or row.keys() != _FIELDS:
            raise InputError(str(table.name), row, f"A change has {', '.join(sorted(_FIELDS))}.")
    return [Change(**row) for row in rows or []]


def admit(chart: Path, schema: dict[str, Any]) -> None:
    """Let the schema pass every changed key, of whatever type, for the template to refuse.

    Raises InputError where the map of a key is itself no more (that map is the change), or the key still exists.
    """
    for change in changes(chart):
        node = schema
        *maps, name = change.key.split(".")
        for part in maps:
            if part not in node.get("properties", {}):
                raise InputError(
                    "changes.yaml", change.key, f"{part} is no key of values.yaml: name it instead."
                )
            node = node["properties"][part]
        if name in node.setdefault("properties", {}):
            raise InputError(
                "changes.yaml", change.key, "values.yaml still has it: remove it from one of them."
            )
        node["properties"][name] = {
            "description": f"Until {change.version}: {change.says}",
            "deprecated": True,
        }


def template_file() -> str:
    """The text of the template that fails with the sentences of all changed keys found in the values."""
    return TEMPLATE.read_text(encoding="utf-8")
