"""The release that a decoder's server serves, from its model listing."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from signalbox.contracts.record import ModelRelease
from signalbox.models.engines import Engine

UNKNOWN = "unknown"
# Hashing reads the whole file; a larger one is identified by its size and parameter count instead.
MAXIMUM_HASHED_BYTES = 4 * 1024**3
_QUANTIZATION = re.compile(
    r"[.\-_]((?:IQ|Q)\d[A-Z0-9_]*|BF16|F16|F32|FP8|INT8|AWQ|GPTQ(?:-Int[48])?)$", re.IGNORECASE
)


def release_from_listing(entry: dict[str, Any], engine: Engine, *, local: bool) -> ModelRelease:
    """Build a release from one entry of /v1/models.

    `created` is never used: llama-server and vLLM fill in the time of the request. The revision is the
    digest of the weights where the file can be read (`local`), else the size in the listing, else "unknown".
    """
    model_id = str(entry.get("id") or UNKNOWN)
    is_file = model_id.lower().endswith(".gguf")
    stem = Path(model_id).name[: -len(".gguf")] if is_file else model_id
    suffix = _QUANTIZATION.search(stem)
    meta = entry.get("meta")
    facts: dict[str, Any] = meta if isinstance(meta, dict) else {}
    quantization = facts.get("ftype") or (suffix.group(1) if suffix else UNKNOWN)
    return ModelRelease(
        name=stem[: suffix.start()] if suffix and is_file else stem,
        revision=_revision(Path(model_id) if is_file and local else None, facts),
        engine=engine.name,
        quantization=str(quantization),
    )


def file_revision(path: Path) -> str:
    """`sha256:` and the first twelve digits of the file's digest."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"


def _revision(path: Path | None, facts: dict[str, Any]) -> str:
    try:
        if path is not None and path.stat().st_size <= MAXIMUM_HASHED_BYTES:
            return file_revision(path)
    except OSError:
        pass  # The server runs in another file system: fall back to the facts of its listing.
    if facts.get("n_params") and facts.get("size"):
        return f"params:{facts['n_params']}-bytes:{facts['size']}"
    return UNKNOWN
