"""Bytes of a GGUF file's tensors, by llama.cpp's mixture of types for that file type and architecture."""

from __future__ import annotations

from dataclasses import dataclass

from signalbox.capacity.memory.gguf.tables import GgufTables, LayerRule, Mixture
from signalbox.capacity.spec import Architecture, Quantization, Stored
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


def file_type(quantization: Quantization, tables: GgufTables) -> str:
    """The GGUF file type of a quantization: gguf-q4_k_m is q4_k_m, bf16 and mxfp4 are their own.

    Raises InputError for a quantization that has none.
    """
    short = quantization.name.removeprefix("gguf-").lower()
    name = {"fp16": "f16", "fp32": "f32"}.get(short, short)
    if name not in tables.mixtures:
        raise InputError("quantization", quantization.name, f"GGUF types: {', '.join(tables.mixtures)}.")
    return name


def file_bytes(model: Architecture, kind: str, tables: GgufTables) -> FileBytes:
    """Bytes of the model as a GGUF file of type `kind`; a projector for images is a file of its own."""
    if model.stored is not None and model.stored.quantization == f"gguf-{kind}":
        return _stored_bytes(model, model.stored)
    return _File(model, tables.mixtures[kind], tables).bytes()


def _stored_bytes(model: Architecture, stored: Stored) -> FileBytes:
    """By the file's own table of tensors. Without an output matrix, llama.cpp puts a copy of the embedding on the GPU."""
    counts = model.parameters

    def size(count: int, bits: float | None) -> float:
        return count * (bits or 0.0) / 8

    embedding = size(counts.embedding, stored.embedding_bits)
    layers = size(counts.linear, stored.linear_bits) + size(counts.experts, stored.expert_bits)
    return FileBytes(
        embedding=round(embedding),
        head=round(size(counts.head, stored.head_bits) if counts.head else embedding),
        layers=round(layers + size(counts.other, stored.other_bits)),
        vision=round(size(counts.vision, stored.vision_bits)),
    )


@dataclass(frozen=True)
class _File:
    """A model in a mixture of types."""

    model: Architecture
    mixture: Mixture
    tables: GgufTables

    def bytes(self) -> FileBytes:
        model, mixture, counts = self.model, self.mixture, self.model.parameters
        head = self._size(counts.head or counts.embedding, mixture.output, model.hidden)
        embedding = self._size(counts.embedding, mixture.base, model.hidden) if counts.head else head
        plain = counts.other * _FOUR_BYTES + counts.plain * 2
        layers = self._attention_and_dense() + self._experts() + plain
        return FileBytes(round(embedding), round(head), round(layers), counts.vision * 2)

    def _attention_and_dense(self) -> float:
        """The linear part: values, keys, attention output and the MLP's down projection have types of their own."""
        model, base, counts = self.model, self.mixture.base, self.model.parameters
        value = counts.key_value / 2
        inner = model.heads * model.head_dim
        projection = min(model.layers * inner * model.hidden, counts.linear - counts.plain)
        dense = model.layers * model.hidden * model.intermediate if model.moe is None else 0
        rest = counts.linear - counts.plain - counts.key_value - projection - dense
        if rest < 0:  # a family whose layers are not all of one kind: the split is unknown
            return self._size(counts.linear - counts.plain, base, model.hidden)
        key_type = self.tables.eight_experts.key if self._has_eight_experts() else base
        return (
            self._value(value)
            + self._size(value, key_type, model.hidden)
            + self._size(projection, self._projection_type(), inner)
            + self._by_layer(self.mixture.down, base, dense, model.intermediate)
            + self._size(rest, base, model.hidden)
        )

    def _has_eight_experts(self) -> bool:
        return self.model.moe is not None and self.model.moe.experts == _EIGHT

    def _projection_type(self) -> str:
        name = self.mixture.projection or self.mixture.base
        special = self._has_eight_experts() and name.endswith("_k")
        return self.tables.eight_experts.projection if special else name

    def _value(self, count: float) -> float:
        model, base, large = self.model, self.mixture.base, self.tables.seventy_billion
        if self._has_eight_experts() and base.endswith("_k"):
            return self._size(count, self.tables.eight_experts.value, model.hidden)
        if model.layers == large.layers and model.heads != model.kv_heads:
            base = large.value.get(base, base)
        return self._by_layer(self.mixture.value, base, count, model.hidden)

    def _experts(self) -> float:
        moe = self.model.moe
        if moe is None:
            return 0.0
        count = self.model.parameters.experts
        base = self.mixture.experts or self.mixture.base
        rule = None if self.mixture.experts else self.mixture.down
        down = self._by_layer(rule, base, count / 3, moe.intermediate)
        return down + self._size(count * 2 / 3, base, self.model.hidden)

    def _by_layer(self, rule: LayerRule | None, base: str, count: float, width: int) -> float:
        """Bytes of one kind of tensor, of which some layers have another type."""
        model = self.model
        if rule is None:
            return self._size(count, base, width)
        rest = rule.rest or base
        if rule.grouped and model.heads < _GROUPED * max(1, model.kv_heads):
            return self._size(count, rest, width)
        share = _layer_count(rule.layers, model.layers) / model.layers
        return self._size(count * share, rule.type, width) + self._size(count * (1 - share), rest, width)

    def _size(self, count: float, kind: str, width: int) -> float:
        """Bytes of `count` weights in rows of `width`; a row that does not fill its blocks has a smaller type."""
        if width % _BLOCK:
            kind = self.tables.wide.get(kind, kind)
        return count * self.tables.bits[kind] / 8


def _layer_count(which: str | int, layers: int) -> int:
    if isinstance(which, int):
        return min(which, layers)
    eighth = layers // 8
    more = sum(i < eighth or i >= 7 * layers // 8 or (i - eighth) % 3 == 2 for i in range(layers))
    return {"all": layers, "more": more, "eighth": eighth, "sixteenth": layers // 16}[which]
