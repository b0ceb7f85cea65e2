"""Bytes of a GGUF file's tensors, by llama.cpp's mixture of types for that file type and architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from signalbox.capacity.datafile import read
from signalbox.capacity.spec import Architecture, Quantization
from signalbox.errors import InputError

_BLOCK = 256
_FOUR_BYTES = 4  # norms, biases and routers stay in 32 bits
_GROUPED = 4
_EIGHT = 8


@dataclass(frozen=True)
class FileBytes:
    """Bytes by where llama.cpp puts them. `head`: the output matrix, which may be the embedding's second copy."""

    embedding: int
    head: int
    layers: int
    vision: int

    @property
    def file(self) -> int:
        """The file, whose tied head is stored once (`head_is_copy` aside, see `file_bytes`)."""
        return self.embedding + self.head + self.layers


@cache
def tables() -> Mapping[str, Any]:
    """data/gguf.yaml, read once."""
    found: Mapping[str, Any] = read("gguf.yaml")
    return found


def file_type(quantization: Quantization) -> str:
    """The GGUF file type of a quantization: gguf-q4_k_m is q4_k_m, bf16 and mxfp4 are their own."""
    known = tables()["mixtures"]
    named = quantization.name.removeprefix("gguf-").lower()
    plain = {"fp16": "f16", "fp32": "f32"}.get(named, named)
    if plain not in known:
        raise InputError("quantization", quantization.name, f"GGUF types: {', '.join(known)}.")
    return plain


def file_bytes(model: Architecture, kind: str) -> FileBytes:
    """Bytes of the model as a GGUF file of that type, embedding and head apart."""
    mixture = tables()["mixtures"][kind]
    counts = model.parameters
    head = _size(counts.head or counts.embedding, mixture["output"], model.hidden)
    embedding = _size(counts.embedding, mixture["base"], model.hidden) if counts.head else head
    plain = counts.other * _FOUR_BYTES + counts.plain * 2
    layers = _attention_and_dense(model, mixture) + _experts(model, mixture) + plain
    return FileBytes(round(embedding), round(head), round(layers), counts.vision * 2)


def bits_per_weight(model: Architecture, kind: str) -> float:
    """Of the whole file, as llama.cpp prints it (vision parts are a file of their own)."""
    found = file_bytes(model, kind)
    stored = found.layers + found.head + (found.embedding if model.parameters.head else 0)
    return stored * 8 / (model.parameters.total - model.parameters.vision)


def _attention_and_dense(model: Architecture, mixture: Mapping[str, Any]) -> float:
    """The linear part: values, keys, the attention's output and the way down of the MLP have types of their own."""
    counts = model.parameters
    value = counts.key_value / 2
    projection = min(model.layers * model.heads * model.head_dim * model.hidden, counts.linear - counts.plain)
    dense = model.layers * model.hidden * model.intermediate if model.moe is None else 0
    rest = counts.linear - counts.plain - counts.key_value - projection - dense
    if rest < 0:  # a family whose layers are not all of one kind: no split is known
        return _size(counts.linear - counts.plain, mixture["base"], model.hidden)
    special = tables()["eight_experts"] if model.moe is not None and model.moe.experts == _EIGHT else {}
    inner = model.heads * model.head_dim
    return (
        _value(model, mixture, value, special.get("value"))
        + _size(value, special.get("key", mixture["base"]), model.hidden)
        + _size(projection, _projection(mixture, special), inner)
        + _shared(mixture.get("down"), mixture["base"], model, dense, model.intermediate)
        + _size(rest, mixture["base"], model.hidden)
    )


def _projection(mixture: Mapping[str, Any], special: Mapping[str, str]) -> str:
    named: str = mixture.get("projection", mixture["base"])
    return special.get("projection", named) if named.endswith("_k") else named


def _value(model: Architecture, mixture: Mapping[str, Any], count: float, special: str | None) -> float:
    large = tables()["seventy_billion"]
    if special and mixture["base"].endswith("_k"):
        return _size(count, special, model.hidden)
    base = mixture["base"]
    if model.layers == large["layers"] and model.heads != model.kv_heads:
        base = large["value"].get(base, base)
    return _shared(mixture.get("value"), base, model, count, model.hidden)


def _experts(model: Architecture, mixture: Mapping[str, Any]) -> float:
    if model.moe is None:
        return 0.0
    count = model.parameters.experts
    base = mixture.get("experts", mixture["base"])
    rule = None if "experts" in mixture else mixture.get("down")
    down = _shared(rule, base, model, count / 3, model.moe.intermediate)
    return down + _size(count * 2 / 3, base, model.hidden)


def _shared(
    rule: Mapping[str, Any] | None, base: str, model: Architecture, count: float, width: int
) -> float:
    """Bytes of one kind of tensor, of which some layers have another type."""
    if rule is None:
        return _size(count, base, width)
    grouped = model.heads >= _GROUPED * max(1, model.kv_heads)
    rest = rule.get("rest", base)
    if rule.get("grouped") and not grouped:
        return _size(count, rest, width)
    share = _layers(rule["layers"], model.layers) / model.layers
    return _size(count * share, rule["type"], width) + _size(count * (1 - share), rest, width)


def _layers(which: str | int, layers: int) -> int:
    """How many layers a rule names."""
    if isinstance(which, int):
        return min(which, layers)
    eighth = layers // 8
    more = sum(i < eighth or i >= 7 * layers // 8 or (i - eighth) % 3 == 2 for i in range(layers))
    return {"all": layers, "more": more, "eighth": eighth, "sixteenth": layers // 16}[which]


def _size(count: float, kind: str, width: int) -> float:
    """Bytes of so many weights in rows of `width`; a row that does not fill its blocks takes a smaller type."""
    if width % _BLOCK:
        kind = tables()["wide"].get(kind, kind)
    return count * float(tables()["bits"][kind]) / 8
