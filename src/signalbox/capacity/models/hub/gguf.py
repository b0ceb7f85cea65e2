"""The header of a GGUF file: metadata, then the table of tensors. The data behind it is never read.

The format: docs/gguf.md of ggml-org/ggml. `Short` says that the bytes at hand end before the table does.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

from signalbox.capacity.datafile import read
from signalbox.capacity.models.hub.tensors import Tensor
from signalbox.errors import InputError

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_KEPT_ITEMS = 1024  # longer arrays are vocabularies: their length is enough


class Short(Exception):  # noqa: N818 - the header is longer than the bytes at hand
    """More bytes are needed."""


@dataclass(frozen=True)
class GgufHeader:
    """Metadata by key, arrays of more than 1,024 items as their length; and the tensors."""

    metadata: Mapping[str, Any]
    tensors: tuple[Tensor, ...]


@cache
def _tables() -> Mapping[str, Any]:
    tables: Mapping[str, Any] = read("gguf_header.yaml")
    return tables


class _Cursor:
    """Reads values one after the other. Raises Short at the end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def skip(self, size: int) -> int:
        start, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise Short
        return start

    def number(self, code: str) -> Any:  # noqa: ANN401 - int, float or bool
        return struct.unpack_from(f"<{code}", self.data, self.skip(struct.calcsize(f"<{code}")))[0]

    def text(self) -> str:
        length = self.number("Q")
        start = self.skip(length)
        return self.data[start : start + length].decode("utf-8", "replace")

    def value(self, kind: int) -> Any:  # noqa: ANN401 - as the file states it
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            return self.number(_SCALARS[kind])
        inner, length = self.number("I"), self.number("Q")
        if inner in _SCALARS and length > _KEPT_ITEMS:
            self.skip(length * struct.calcsize(f"<{_SCALARS[inner]}"))
            return length
        if inner == _STRING and length > _KEPT_ITEMS:
            for _ in range(length):
                self.skip(self.number("Q"))
            return length
        return [self.value(inner) for _ in range(length)]


def read_gguf(data: bytes, file: str) -> GgufHeader:
    """The header at the start of `data`. Raises Short where it ends too early, InputError where it is not GGUF."""
    cursor = _Cursor(data)
    if data[:4] and not MAGIC.startswith(data[:4]):
        raise _invalid(file)
    cursor.skip(4)
    if cursor.number("I") not in _VERSIONS:
        raise _invalid(file)
    tensors, keys = cursor.number("Q"), cursor.number("Q")
    try:
        metadata = {cursor.text(): cursor.value(cursor.number("I")) for _ in range(keys)}
        return GgufHeader(metadata, tuple(_tensor(cursor) for _ in range(tensors)))
    except KeyError as error:
        raise _invalid(file) from error


def _tensor(cursor: _Cursor) -> Tensor:
    name, dimensions = cursor.text(), cursor.number("I")
    shape = tuple(cursor.number("Q") for _ in range(dimensions))
    kind, _offset = cursor.number("I"), cursor.number("Q")
    dtype, block, size = _tables()["types"][kind]
    return Tensor(name, dtype, tuple(reversed(shape)), -(-prod(shape) // block) * size)


def config_of(header: GgufHeader) -> dict[str, Any]:
    """The header's metadata under the names of config.json."""
    metadata, tables = header.metadata, _tables()
    family = str(metadata.get("general.architecture", ""))
    config: dict[str, Any] = {"model_type": tables["families"].get(family, family)}
    for key, name in tables["keys"].items():
        if (value := metadata.get(f"{family}.{key}")) is not None:
            config[name] = max(value) if isinstance(value, list) and value else value
    embedding = next((row for row in header.tensors if row.name == "token_embd.weight"), None)
    if embedding is not None:
        config["vocab_size"] = embedding.shape[0]
    config["tie_word_embeddings"] = all(row.name != "output.weight" for row in header.tensors)
    if rank := config.get("kv_lora_rank"):
        config |= _latent(config, int(rank))
    return config


def _latent(config: Mapping[str, Any], rank: int) -> dict[str, Any]:
    """Widths of latent attention: GGUF states the whole key, config.json its two parts."""
    rope = int(config.get("rope_width") or 64)
    key = int(config.get("mla_key_length") or config.get("head_dim") or rank + rope)
    return {
        "qk_rope_head_dim": rope,
        "qk_nope_head_dim": max(key - rope, 0),
        "v_head_dim": int(config.get("mla_value_length") or max(key - rope, 0)),
    }


def _invalid(file: str) -> InputError:
    hint = "Download it again, or use another file."
    return InputError("--model", file, hint, problem=f"`{file}` is not a GGUF file of version 2 or 3")
