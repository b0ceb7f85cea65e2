"""Reads the package's data files."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is there


def read(name: str) -> Any:  # noqa: ANN401 - YAML
    """One YAML file of the package, parsed."""
    return yaml.load(text(name), Loader=_LOADER)  # noqa: S506 - both are safe loaders


def read_lines(name: str) -> list[dict[str, Any]]:
    """One JSONL file of the package, parsed; empty when it is not there."""
    path = resources.files("signalbox.capacity.data").joinpath(name)
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def text(name: str) -> str:
    """One file of the package."""
    return resources.files("signalbox.capacity.data").joinpath(name).read_text(encoding="utf-8")
