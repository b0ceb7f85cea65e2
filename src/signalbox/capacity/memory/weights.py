"""Bytes of the weights that one GPU holds: by scheme, tensor-parallel rank and pipeline stage."""

from __future__ import annotations

from dataclasses import dataclass, replace

from signalbox.capacity.memory.constants import Allocator
from signalbox.capacity.memory.tensors import expert_share, inner_ranks, rounding_bytes
from signalbox.capacity.spec import Architecture, Parameters, Quantization, Spec
from signalbox.capacity.units import GIB, ceil_div, round_up

_HALF = 2  # bytes of a 16-bit number
_MX_HIDDEN, _MX_INNER = 256, 128  # granules of the MXFP4 kernels, see `mxfp4_padding`


@dataclass(frozen=True)
class Stage:
    """One pipeline stage: its layers, and whether it has the embedding (first) and the head (last)."""

    index: int
    layers: int
    share: float  # of all layers
    first: bool
    last: bool


@dataclass(frozen=True)
class Weights:
    """Bytes by kind of tensor, on one rank."""

    embedding: int
    head: int
    linear: int
    experts: int
    other: int
    vision: int
    buffers: int
    rounding: int

    @property
    def total(self) -> int:
        return (
            self.embedding
            + self.head
            + self.linear
            + self.experts
            + self.other
            + self.vision
            + self.buffers
            + self.rounding
        )

    @property
    def formula(self) -> str:
        """The sum with its numbers, in GiB."""
        parts = {
            "embedding": self.embedding,
            "head": self.head,
            "linear": self.linear,
            "experts": self.experts,
            "norms, biases, routers": self.other,
            "vision": self.vision,
            "position tables and copies": self.buffers,
            "rounding to 2 MiB": self.rounding,
        }
        return " + ".join(f"{name} {size / GIB:.3f}" for name, size in parts.items() if size)


def stages(layers: int, pipeline_parallel: int) -> list[Stage]:
    """Layers of each pipeline stage: as equal as can be, the rest from the last stage but one backwards."""
    counts = [layers // pipeline_parallel] * pipeline_parallel
    for i in range(layers % pipeline_parallel):
        counts[-(i + 2) % pipeline_parallel] += 1
    last = pipeline_parallel - 1
    return [Stage(i, count, count / layers, first=i == 0, last=i == last) for i, count in enumerate(counts)]


def rank_weights(spec: Spec, stage: Stage, allocator: Allocator, *, mxfp4_inner: int = _MX_INNER) -> Weights:
    """The weights that one rank of a stage loads. `mxfp4_inner`: see `mxfp4_padding`."""
    model, scheme, tp = spec.model, as_stored(spec.model, spec.quantization), spec.tensor_parallel
    counts, share = model.parameters, stage.share
    base = _dtype_bytes(spec)
    experts = _bytes(counts.experts, scheme.expert_bits, base) * share * expert_share(spec)
    head = 0.0
    if stage.last and not spec.serving.pooling:  # vLLM does not load it (models/adapters.py)
        head = _bytes(_padded(counts.head, model), scheme.head_bits, base) / tp
        if not counts.head and (not stage.first or (scheme.head_copy and spec.engine.name == "tgi")):
            head = _bytes(_padded(counts.embedding, model), scheme.head_bits, base) / tp
    embedding = (
        _bytes(_padded(counts.embedding, model), scheme.embedding_bits, base) / tp + counts.lookup * base / tp
    )
    return Weights(
        embedding=round(embedding) if stage.first else 0,
        head=round(head),
        linear=round(_linear_bytes(model, scheme, tp, base) * share),
        experts=round(experts * mxfp4_padding(model, scheme, inner_ranks(spec), mxfp4_inner)),
        other=round(counts.other * base * share),
        vision=round(counts.vision * base / tp) if stage.first and spec.images != 0 else 0,
        rounding=rounding_bytes(spec, allocator, share),
        buffers=round(_HALF * (counts.rope + counts.absorbed * share / tp)),
    )


def as_stored(model: Architecture, scheme: Quantization) -> Quantization:
    """The scheme with the checkpoint's own bits: those of its headers, else those of the groups that it declares."""
    stored = model.stored
    if stored is not None and stored.quantization in (scheme.name, *scheme.aliases):
        return replace(
            scheme,
            linear_bits=stored.linear_bits,
            expert_bits=stored.expert_bits,
            embedding_bits=stored.embedding_bits,
            head_bits=stored.head_bits,
        )
    bits = model.stored_bits
    own = model.checkpoint_quantization in (scheme.name, *scheme.aliases)
    return scheme if bits is None or not own else replace(scheme, linear_bits=bits, expert_bits=bits)


def checkpoint_bytes(model: Architecture, scheme: Quantization) -> int:
    """Bytes of the whole model in that scheme, on one device, without an engine's buffers."""
    counts, scheme = model.parameters, as_stored(model, scheme)
    head = counts.head or (counts.embedding if scheme.head_copy and model.tied else 0)
    return round(
        _bytes(counts.embedding, scheme.embedding_bits, _HALF)
        + _bytes(head, scheme.head_bits, _HALF)
        + _bytes(counts.linear - counts.plain, scheme.linear_bits, _HALF)
        + _bytes(counts.experts, scheme.expert_bits, _HALF)
        + (counts.other + counts.vision + counts.plain + counts.lookup) * _HALF
    )


def _linear_bytes(model: Architecture, scheme: Quantization, tp: int, base: int) -> float:
    plain = model.parameters.plain / tp
    return _bytes(linear_per_rank(model, tp) - plain, scheme.linear_bits, base) + plain * base


def linear_per_rank(model: Architecture, tensor_parallel: int) -> float:
    """Linear weights of one rank: KV projections are copied when there are more ranks than KV heads."""
    counts: Parameters = model.parameters
    divided = counts.linear - counts.replicated - counts.key_value
    heads = min(tensor_parallel, max(1, model.kv_heads))
    return divided / tensor_parallel + counts.key_value / heads + counts.replicated


def mxfp4_padding(
    model: Architecture, scheme: Quantization, tensor_parallel: int, granule: int = _MX_INNER
) -> float:
    """Growth of MXFP4 experts when loaded: the kernels need multiples of 256 (hidden) and of `granule` (inner)."""
    if scheme.name != "mxfp4" or model.moe is None:
        return 1.0
    inner = ceil_div(model.moe.intermediate, tensor_parallel)
    return round_up(model.hidden, _MX_HIDDEN) * round_up(inner, granule) / (model.hidden * inner)


def _padded(count: int, model: Architecture) -> int:
    """Embedding and head are loaded with the padded vocabulary's rows."""
    return count + (model.padded_vocab - model.vocab) * model.hidden if count else 0


def _bytes(count: float, bits: float | None, base: int) -> float:
    return count * base if bits is None else count * bits / 8


def _dtype_bytes(spec: Spec) -> int:
    return 4 if spec.dtype == "float32" else _HALF
