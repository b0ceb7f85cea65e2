"""Look up a model: in the catalogue, in a config.json, or on the Hub."""

from __future__ import annotations

import json
from pathlib import Path

from signalbox.capacity.models.architecture import from_config
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.spec import Architecture
from signalbox.errors import InputError

_HUB = "hf:"
_FILE = "config.json"


def find_model(
    name: str | None, config: Path | None, catalogue: Catalogue, *, fallback: bool = False
) -> Architecture:
    """The architecture of a catalogue name, `hf:ORG/NAME`, or a config.json (path in `config` or as the name).

    A repository, a folder with weights and a GGUF file are read by their headers, without the weights. Raises InputError
    for an unknown name or an incomplete config, SetupError for an unreachable Hub.
    """
    if config is not None:
        return _read(config, name, fallback=fallback)
    if name is None:
        hint = "Use a name of the catalogue, hf:ORG/NAME, or --config PATH."
        raise InputError("--model", None, hint, problem="one of `--model` and `--config` is required")
    if name.startswith(_HUB):
        from signalbox.capacity.models.hub.read import read_hub  # noqa: PLC0415 - needed for hf: only

        return read_hub(name)
    if name.endswith((".json", ".gguf")) or Path(name).is_dir():
        return _read(Path(name), None, fallback=fallback)
    return _of_catalogue(name, catalogue)


def _of_catalogue(name: str, catalogue: Catalogue) -> Architecture:
    try:
        return catalogue.model(name).architecture
    except InputError as error:
        if name.count("/") == 1 and error.field == "model":
            error.hint = f"`--model {_HUB}{name}` reads it from the Hub; {error.hint}"
        raise


def _read(path: Path, name: str | None, *, fallback: bool) -> Architecture:
    from signalbox.capacity.models.hub.read import has_weights, read_local  # noqa: PLC0415

    if has_weights(path):
        return read_local(path, name)
    file = path / _FILE if path.is_dir() else path
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"cannot read `{path}` (`--config`): {error.strerror}"
        raise InputError("--config", str(path), "Check the path.", problem=problem) from error
    except ValueError as error:
        problem = f"`{path}` (`--config`) is not JSON: {error}"
        raise InputError("--config", str(path), "Use the model's config.json.", problem=problem) from error
    if not isinstance(config, dict):
        raise InputError("--config", str(path), "A config.json is a JSON object.")
    label = name or config.get("_name_or_path") or file.resolve().parent.name
    return from_config(config, str(label), fallback=fallback)
