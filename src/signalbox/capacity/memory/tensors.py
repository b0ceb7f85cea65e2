"""The experts that a GPU holds, and what an allocator adds to the weights: large tensors have a segment of their own."""

from __future__ import annotations

from math import ceil

from signalbox.capacity.memory.constants import Allocator
from signalbox.capacity.spec import Architecture, Spec
from signalbox.capacity.units import ceil_div


def expert_ranks(spec: Spec) -> int:
    """GPUs of a stage that share the routed experts: those of all data-parallel ranks (vLLM, fused_moe/config.py)."""
    return spec.tensor_parallel * spec.serving.data_parallel


def inner_ranks(spec: Spec) -> int:
    """GPUs that split each expert; with expert parallelism each GPU has whole ones."""
    return 1 if spec.serving.expert_parallel else expert_ranks(spec)


def local_experts(spec: Spec) -> int:
    """Experts on the fullest GPU: with expert parallelism the first ranks have one more if they do not divide."""
    if spec.model.moe is None:
        return 0
    return ceil_div(spec.model.moe.experts, expert_ranks(spec) // inner_ranks(spec))


def expert_share(spec: Spec) -> float:
    """Part of the expert weights on the fullest GPU."""
    moe = spec.model.moe
    return 1 / expert_ranks(spec) if moe is None else local_experts(spec) / moe.experts / inner_ranks(spec)


def rounding_bytes(spec: Spec, allocator: Allocator, layers_share: float = 1.0) -> int:
    """Bytes of padding on one rank: of the fused projections and experts of its layers.

    Qwen2.5-7B: 3.5 MiB a layer, the 0.1 GiB by which vLLM loads more than 2 bytes a parameter.
    """
    model, tp = spec.model, spec.tensor_parallel
    if spec.quantization.name == "mxfp4":
        return 0  # Repacked while loading: what rounding adds is in the padding already.
    linear = int(spec.quantization.linear_bits or 16)
    expert = int(spec.quantization.expert_bits or 16)
    padding = sum(_padding(count * linear / 8, allocator) for count in _projections(model, tp)) * model.layers
    if model.moe is not None:
        whole = model.moe.experts * model.moe.intermediate * model.hidden
        one = whole * expert_share(spec)
        sparse = model.parameters.experts / ((3 if model.gated else 2) * whole)
        padding += sum(_padding(count * expert / 8, allocator) for count in (2 * one, one)) * sparse
    return round(padding * layers_share)


def _projections(model: Architecture, tp: int) -> list[float]:
    """Numbers of the fused tensors of one layer: QKV, output, gate and up, down. Empty for other layouts."""
    if any(group.kind in ("mla", "state") for group in model.kv_groups):
        return []
    queries, keys = model.heads * model.head_dim / tp, max(1.0, model.kv_heads / tp) * model.head_dim
    attention = [model.hidden * (queries + 2 * keys), queries * model.hidden]
    if model.moe is not None:
        return attention
    wide = model.hidden * model.intermediate / tp
    return [*attention, 2 * wide if model.gated else wide, wide]


def _padding(size: float, allocator: Allocator) -> float:
    step = allocator.step_bytes
    return ceil(size / step) * step - size if size >= allocator.own_segment_bytes else 0.0
