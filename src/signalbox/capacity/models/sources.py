"""Look up a model: in the catalogue, in a config.json, or on the Hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from signalbox.capacity.models.architecture import from_config
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.spec import Architecture
from signalbox.errors import InputError, SetupError

_HUB = "hf:"
_FILE = "config.json"


def find_model(
    name: str | None, config: Path | None, catalogue: Catalogue, *, fallback: bool = False
) -> Architecture:
    """The architecture of a catalogue name, `hf:ORG/NAME`, or a config.json (path in `config` or as the name).

    Raises InputError for an unknown name or an incomplete config, SetupError for an unreachable Hub.
    """
    if config is not None:
        return _read(config, name, fallback=fallback)
    if name is None:
        hint = "Use a name of the catalogue, hf:ORG/NAME, or --config PATH."
        raise InputError("--model", None, hint, problem="one of `--model` and `--config` is required")
    if name.startswith(_HUB):
        repository = name.removeprefix(_HUB)
        return from_config(_from_hub(repository), repository, fallback=fallback)
    if name.endswith(".json") or Path(name, _FILE).is_file():
        return _read(Path(name), None, fallback=fallback)
    return catalogue.model(name).architecture


def _read(path: Path, name: str | None, *, fallback: bool) -> Architecture:
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


def _from_hub(repository: str) -> dict[str, Any]:
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 - slow to import, needed for hf: only
    from huggingface_hub.errors import (  # noqa: PLC0415
        EntryNotFoundError,
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    field = f"{_HUB}{repository}"
    try:
        path = hf_hub_download(repository, _FILE)
    except HFValidationError as error:
        raise InputError("--model", field, "A repository is written hf:ORG/NAME.") from error
    except GatedRepoError as error:
        raise SetupError(
            f"--model: {field} is gated.",
            hint="Accept its license on the Hub and set HF_TOKEN, or use --config PATH.",
        ) from error
    except RepositoryNotFoundError as error:
        raise InputError("--model", field, "No such repository; a private one needs HF_TOKEN.") from error
    except LocalEntryNotFoundError as error:
        raise _unreachable(field) from error
    except EntryNotFoundError as error:
        raise InputError("--model", field, f"It has no {_FILE}; is it a GGUF repository?") from error
    except Exception as error:
        if _is_network(error):
            raise _unreachable(field) from error
        raise
    parsed = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(parsed, dict):
        raise InputError("--model", field, f"Its {_FILE} is not a JSON object.")
    return parsed


def _is_network(error: Exception) -> bool:
    import httpx2  # noqa: PLC0415 - what the Hub's client raises

    return isinstance(error, (httpx2.HTTPError, OSError))


def _unreachable(field: str) -> SetupError:
    return SetupError(
        f"--model: {field} could not be fetched.",
        hint=f"Check the network (HF_ENDPOINT for a mirror), or download its {_FILE} elsewhere and use --config PATH.",
    )
