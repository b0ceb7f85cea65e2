"""A model by its headers: `hf:ORG/NAME[@REVISION][:FILE or TYPE]`, a folder, or a GGUF file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from signalbox.capacity.models.hub.architecture import architecture_of
from signalbox.capacity.models.hub.cache import cache_folder, cached_file, load, save
from signalbox.capacity.models.hub.checkpoint import CONFIG, Checkpoint, read_checkpoint
from signalbox.capacity.models.hub.files import HubFiles, LocalFiles, MissingFileError, hub_files
from signalbox.capacity.spec import Architecture
from signalbox.errors import InputError, SetupError

PREFIX = "hf:"
_NAME = re.compile(
    r"^(?P<repository>[\w.-]+/[\w.-]+?)(?:@(?P<revision>[\w./-]+?))?(?:[:/](?P<wish>[\w./-]+))?$"
)
_COMMIT = re.compile(r"^[0-9a-f]{40}$")


@dataclass(frozen=True)
class HubName:
    """A repository with its revision, and the file or quantization of a GGUF repository."""

    repository: str
    revision: str = "main"
    wish: str | None = None


def parse_hub_name(text: str) -> HubName:
    """Raises InputError for what is not ORG/NAME with its optional parts."""
    match = _NAME.match(text.removeprefix(PREFIX))
    if match is None:
        problem = f"`{text}` (`--model`) is not a repository"
        hint = "write hf:ORG/NAME, hf:ORG/NAME@REVISION, or hf:ORG/NAME:Q4_K_M for one of several GGUF files"
        raise InputError("--model", text, hint, problem=problem)
    return HubName(match["repository"], match["revision"] or "main", match["wish"])


def has_weights(path: Path) -> bool:
    """Whether a path is a GGUF file, or a folder with weight files."""
    if path.is_file():
        return path.suffix == ".gguf"
    return path.is_dir() and any(next(path.glob(f"*{end}"), None) for end in (".safetensors", ".gguf"))


def read_local(path: Path, name: str | None = None) -> Architecture:
    """The model of a folder, or of one GGUF file."""
    folder, wish = (path.parent, path.name) if path.is_file() else (path, None)
    return architecture_of(read_checkpoint(LocalFiles(folder), wish), name or path.resolve().name)


def read_hub(text: str, environment: Mapping[str, str] | None = None) -> Architecture:
    """The model of a repository, from the cache where it is the same commit.

    Raises InputError for a repository that does not exist or has no weights, SetupError for a gated one and for a Hub
    that cannot be reached before the headers were read once.
    """
    variables = os.environ if environment is None else environment
    name = parse_hub_name(text)
    checkpoint = _checkpoint(name, variables)
    return architecture_of(checkpoint, name.repository)


def _checkpoint(name: HubName, variables: Mapping[str, str]) -> Checkpoint:
    files = hub_files(name.repository, name.revision, variables)
    path = cached_file(
        cache_folder(variables), files.endpoint, name.repository, name.revision, name.wish or ""
    )
    earlier = load(path)
    if earlier is not None and _COMMIT.match(name.revision):
        return earlier
    if variables.get("HF_HUB_OFFLINE", "").lower() not in ("", "0", "false", "off"):
        return earlier or _downloaded(name) or _offline(files)
    try:
        if earlier is not None and _commit(files, earlier) == earlier.commit:
            return replace(earlier, bytes_read=files.bytes_read)
        checkpoint = read_checkpoint(files, name.wish)
    except SetupError:
        stored = earlier or _downloaded(name)
        if stored is None:
            raise
        return stored
    save(path, checkpoint)
    return checkpoint


def _commit(files: HubFiles, earlier: Checkpoint) -> str:
    """The commit that the revision stands for now, by the smallest request that states it."""
    try:
        files.read(earlier.gguf or CONFIG, 0, 1)
    except MissingFileError:
        return ""
    return files.commit


def _downloaded(name: HubName) -> Checkpoint | None:
    """The snapshot that the Hub's own client has on this machine."""
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415

    path = try_to_load_from_cache(name.repository, CONFIG, revision=name.revision)
    if not isinstance(path, str) or name.wish or not has_weights(Path(path).parent):
        return None
    return read_checkpoint(LocalFiles(Path(path).parent))


def _offline(files: HubFiles) -> Checkpoint:
    problem = f"`{files.label}` was not read before, and HF_HUB_OFFLINE is set"
    raise SetupError(
        problem, hint="unset HF_HUB_OFFLINE, or use `--config PATH` with a copy of its config.json"
    )
