"""Slots of llama-server and Ollama, and the bytes of their KV cache.

A slot serves one request at a time; every slot has `context` tokens (`-c` is their sum). Without `concurrency`
Ollama has one slot, and llama-server four that share one cache of `context` tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from signalbox.capacity.memory.gguf.tables import GgufTables
from signalbox.capacity.spec import KvGroup, Spec
from signalbox.capacity.units import round_up
from signalbox.errors import InputError


@dataclass(frozen=True)
class Slots:
    """Concurrent requests. `unified`: they share one cache of `tokens`; else each has its own of `tokens`."""

    count: int
    tokens: int
    unified: bool

    @property
    def cells(self) -> int:
        """Tokens of the whole cache, what llama-server prints as n_ctx."""
        return self.tokens * (1 if self.unified else self.count)


def requested_slots(spec: Spec, tables: GgufTables) -> Slots:
    """The slots of a specification, with the engine's defaults and its rounding to 256 tokens."""
    tokens = round_up(spec.context, tables.defaults.pad)
    if spec.concurrency is not None:
        return Slots(spec.concurrency, tokens, unified=False)
    unified = spec.engine.name == "llamacpp"
    return Slots(tables.defaults.slots if unified else 1, tokens, unified)


def micro_batch(spec: Spec, tables: GgufTables) -> int:
    """Tokens of a micro-batch (-ub)."""
    defaults = tables.defaults
    return min(spec.batched_tokens or defaults.ubatch, round_up(spec.context, defaults.pad))


def cache_bytes(spec: Spec, slots: Slots, tables: GgufTables, layers: float = 1.0) -> int:
    """The cache of all slots, for a share of the layers."""
    total = 0.0
    for group in spec.model.kv_groups:
        if group.kind == "state":
            total += group.layers * group.state_bytes * slots.count
        else:
            cells = _cells(spec, group, slots, tables)
            total += group.layers * _token_bytes(spec, group, tables) * cells
    return ceil(total * layers)


def bytes_per_token(spec: Spec, tables: GgufTables) -> float:
    """Bytes of one token in all layers, windows left aside."""
    return sum(
        group.layers * _token_bytes(spec, group, tables)
        for group in spec.model.kv_groups
        if group.kind != "state"
    )


def _token_bytes(spec: Spec, group: KvGroup, tables: GgufTables) -> float:
    key, value = cache_bits(spec.kv_dtype, tables)
    keys = group.key_dim if group.kind == "mla" else group.kv_heads * group.key_dim
    return (keys * key + group.kv_heads * group.value_dim * value) / 8


def cache_bits(kv_dtype: str, tables: GgufTables) -> tuple[float, float]:
    """Bits of a number of keys and of values: "q8_0", or "q8_0/q4_0" for both; auto is f16.

    Raises InputError for an unknown type.
    """
    bits = tables.bits
    parts = kv_dtype.lower().replace("auto", "f16").split("/")
    names = ["f16" if part == "float16" else part for part in parts]
    if len(names) > 2 or any(name not in bits for name in names):
        raise InputError("kv dtype", kv_dtype, f"One of {', '.join(bits)}, or two of them: q8_0/q4_0.")
    return bits[names[0]], bits[names[-1]]


def _cells(spec: Spec, group: KvGroup, slots: Slots, tables: GgufTables) -> int:
    """Tokens that layers of one kind keep, over all slots. A window keeps a micro-batch more."""
    if group.window is None:
        return slots.cells
    window = group.window * (slots.count if slots.unified else 1) + micro_batch(spec, tables)
    return min(slots.tokens, round_up(window, tables.defaults.pad)) * (1 if slots.unified else slots.count)
