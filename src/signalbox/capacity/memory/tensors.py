"""What an allocator adds to the weights: large tensors get a segment of their own, in steps of 2 MiB."""

from __future__ import annotations

from math import ceil

from signalbox.capacity.memory.constants import Allocator
from signalbox.capacity.spec import Architecture, Spec


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
        one = model.moe.experts * model.moe.intermediate / tp * model.hidden
        sparse = model.parameters.experts / ((3 if model.gated else 2) * one * tp)
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
