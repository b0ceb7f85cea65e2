"""The header of a safetensors file: eight bytes of length, then JSON (huggingface.co/docs/safetensors)."""

from __future__ import annotations

import json
from typing import Any

from signalbox.capacity.models.hub.tensors import Tensor
from signalbox.errors import InputError

LENGTH_BYTES = 8
LARGEST_HEADER = 100_000_000  # the format's own limit


def header_length(start: bytes, file: str) -> int:
    """Bytes of the JSON, from the first eight. Raises InputError for what is no safetensors file."""
    length = int.from_bytes(start[:LENGTH_BYTES], "little")
    if len(start) < LENGTH_BYTES or not 0 < length <= LARGEST_HEADER:
        raise InputError("--model", file, "Download it again, or use another file.", problem=_problem(file))
    return length


def read_header(text: bytes, file: str) -> list[Tensor]:
    """The tensors of a header. Raises InputError where it is not valid."""
    try:
        rows: dict[str, Any] = json.loads(text)
        return [
            Tensor(name, row["dtype"], tuple(row["shape"]), row["data_offsets"][1] - row["data_offsets"][0])
            for name, row in rows.items()
            if name != "__metadata__"
        ]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(
            "--model", file, "Download it again, or use another file.", problem=_problem(file)
        ) from error


def _problem(file: str) -> str:
    return f"`{file}` has no valid safetensors header"
