"""docs/reference/settings.md: every setting."""

from __future__ import annotations

from typing import Any

from signalbox.settings import Settings
from tools.docs import HEADER


def settings_page() -> str:
    """Every setting with its variable, type, default and meaning."""
    lines = [HEADER + "# Settings", "", "| variable | type | default | meaning |", "|---|---|---|---|"]
    schema = Settings.model_json_schema()["properties"]
    for name, field in Settings.model_fields.items():
        default = "~/.cache/signalbox" if name == "cache_dir" else field.default
        default_text = "" if default is None else f"`{default}`"
        lines.append(
            f"| `SIGNALBOX_{name.upper()}` | {_type(schema[name])} | {default_text} | {field.description} |"
        )
    return "\n".join(lines) + "\n"


def _type(schema: dict[str, Any]) -> str:
    options = schema.get("anyOf", [schema])
    names = [f"{o.get('format', o.get('type', ''))}" for o in options if o.get("type") != "null"]
    return " or ".join(names)
