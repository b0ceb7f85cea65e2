"""Reads data files: tables as YAML, rows as JSON lines."""

from __future__ import annotations

import json
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is installed


def read(name: str) -> Any:  # noqa: ANN401 - YAML
    """One YAML file of this package's data, parsed."""
    return read_yaml(resources.files("signalbox.capacity").joinpath("data", name))


def read_yaml(path: Traversable) -> Any:  # noqa: ANN401 - YAML
    """One YAML file, parsed."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - both are safe loaders


def read_rows(path: Traversable) -> list[dict[str, Any]]:
    """One file of JSON lines, parsed; blank lines are skipped."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]
