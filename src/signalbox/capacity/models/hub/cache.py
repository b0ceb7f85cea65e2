"""Headers that were read once, as files: a commit never changes, and a branch is compared with its commit.

The folder is next to the Hub's own cache (HF_HOME), so that one variable moves both.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from signalbox.capacity.models.hub.checkpoint import Checkpoint
from signalbox.capacity.models.hub.tensors import Tensor

_FOLDER, _FORMAT = "signalbox-headers", 1


def cache_folder(environment: Mapping[str, str]) -> Path:
    """HF_HOME/signalbox-headers, by default below ~/.cache/huggingface."""
    home = environment.get("HF_HOME") or str(
        Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface")
    )
    return Path(home).expanduser() / _FOLDER


def cached_file(folder: Path, *key: str) -> Path:
    """The file of one checkpoint: endpoint, repository, revision and the file or quantization named."""
    digest = hashlib.sha256("\0".join(key).encode()).hexdigest()[:32]
    return folder / f"{digest}.json.gz"


def load(path: Path) -> Checkpoint | None:
    """The checkpoint, None where there is none or another version of this program wrote it."""
    try:
        values = json.loads(gzip.decompress(path.read_bytes()))
        if values.pop("format", None) != _FORMAT:
            return None
        rows = tuple(
            Tensor(name, dtype, tuple(shape), size) for name, dtype, shape, size in values["tensors"]
        )
        return Checkpoint(**{**values, "tensors": rows, "bytes_read": 0})
    except (OSError, ValueError, TypeError, KeyError, EOFError):
        return None


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write it whole or not at all; a folder that cannot be written costs the next reading, nothing else."""
    values = {**asdict(replace(checkpoint, tensors=())), "format": _FORMAT}
    values["tensors"] = [(row.name, row.dtype, row.shape, row.size) for row in checkpoint.tensors]
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(gzip.compress(json.dumps(values).encode(), compresslevel=3))
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
