"""docs/reference/settings.md: every setting."""

from __future__ import annotations

from typing import Any

from signalbox.settings import Settings
from tools.docs import HEADER

_FROM_NAME = {
    "assessor_port": "Port of the assessor.",
    "encoder_port": "Port of the encoder.",
    "decoder_port": "Port of llama-server.",
    "mlflow_port": "Port of MLflow.",
    "decoder_threads": "Threads of llama-server.",
    "decoder_timeout_seconds": "Time for a whole answer of the decoder.",
    "encoder_timeout_seconds": "Time for a request to the encoder.",
    "max_body_bytes": "Largest body of a request to the assessor.",
}


def settings_page() -> str:
    """Every setting with its variable, type, default and meaning."""
    lines = [HEADER + "# Settings", "", "| variable | type | default | meaning |", "|---|---|---|---|"]
    schema = Settings.model_json_schema()["properties"]
    for name, field in Settings.model_fields.items():
        default = "~/.cache/signalbox" if name == "cache_dir" else field.default
        default_text = "" if default is None else f"`{default}`"
        meaning = field.description or _FROM_NAME.get(name, "")
        lines.append(f"| `SIGNALBOX_{name.upper()}` | {_type(schema[name])} | {default_text} | {meaning} |")
    return "\n".join(lines) + "\n"


def _type(schema: dict[str, Any]) -> str:
    options = schema.get("anyOf", [schema])
    names = [f"{o.get('format', o.get('type', ''))}" for o in options if o.get("type") != "null"]
    return " or ".join(names)
