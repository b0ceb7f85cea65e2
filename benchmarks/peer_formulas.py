"""Memory predictions of other planners, re-implemented from the formulas and constants that they publish.

Each formula has the inputs that its planner uses: nominal GPU memory, or whole bytes per weight without scales. What a
planner does not predict is None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from signalbox.capacity.spec import Architecture, Quantization, Spec
from signalbox.capacity.units import GIB, MIB

_GB = 10**9
_HALF = 2  # bytes of a 16-bit number


@dataclass(frozen=True)
class Prediction:
    """Of one GPU. None: the planner does not predict it."""

    weights_bytes: float | None
    kv_tokens: float | None
    fits: bool | None


Peer = Callable[[Spec], Prediction]


def whole_bytes(scheme: Quantization) -> float:
    """Bytes per weight as planners without scales count them: 2, 1 or 0.5."""
    bits = scheme.linear_bits or scheme.expert_bits or 16
    return 2.0 if bits >= 12 else 1.0 if bits >= 6 else 0.5


def stored_bytes(model: Architecture, scheme: Quantization) -> float:
    """The checkpoint's files: quantized tensors with their scales, all others 16 bit."""
    parts = model.parameters
    bits = (
        (parts.linear, scheme.linear_bits),
        (parts.experts, scheme.expert_bits),
        (parts.total - parts.linear - parts.experts, None),
    )
    return sum(count * (_HALF if width is None else width / 8) for count, width in bits)


def token_bytes(model: Architecture) -> int:
    """Cache of a token in 16 bit: every layer keeps every token; a latent for DeepSeek's own classes only."""
    latent = [group for group in model.kv_groups if group.kind == "mla"]
    if latent and model.family.startswith("deepseek"):
        return sum(group.layers * group.key_dim * _HALF for group in latent)
    head = model.hidden // model.heads if latent else model.head_dim
    return model.layers * 2 * model.kv_heads * head * _HALF


def accelerate(spec: Spec) -> Prediction:
    """`accelerate estimate-memory`: parameters x bytes, without the head, and the advised 20 % for inference."""
    weights = (spec.model.parameters.total - spec.model.parameters.head) * whole_bytes(spec.quantization)
    return Prediction(weights / gpus(spec), None, 1.2 * weights <= gpus(spec) * spec.gpu.nominal_gb * _GB)


def recipes(spec: Spec) -> Prediction:
    """vLLM's recipes: whole GB of parameters x bytes x 1.2."""
    needed = math.ceil(spec.model.parameters.total * whole_bytes(spec.quantization) * 1.2 / _GB)
    return Prediction(needed * _GB / gpus(spec), None, needed <= gpus(spec) * spec.gpu.nominal_gb)


def gpustack(spec: Spec) -> Prediction:
    """GPUStack's selector for vLLM: weights x 1.2 + 2 GiB."""
    needed = stored_bytes(spec.model, spec.quantization) * 1.2 + 2 * GIB
    return Prediction(needed / gpus(spec), None, needed <= gpus(spec) * spec.gpu.nvidia_smi_mib * MIB)


def kaito(spec: Spec) -> Prediction:
    """kaito: files x 1.02 over (memory x 0.84 - 2.3 GiB - cache of one request) / 1.05, one GPU added."""
    files = stored_bytes(spec.model, spec.quantization) * 1.02
    cache = spec.context * token_bytes(spec.model) / gpus(spec)
    room = (spec.gpu.nominal_gb * GIB * 0.84 - 2.3 * GIB - cache) / 1.05
    fits = room > 0 and int(files / room) + 1 <= gpus(spec)
    return Prediction(files / gpus(spec), None, fits)


# GiB of activation by model_type, as its table of architectures has them.
_PROFILES = {
    "llama": 4.8,
    "qwen2": 5.6,
    "qwen3": 5.6,
    "mistral3": 2.5,
    "pixtral": 2.5,
    "llava": 2.5,
    "llava_next": 2.5,
}


def llmd(spec: Spec) -> Prediction:
    """llm-d planner: activation by architecture, once for all GPUs; nominal memory; cache in the model's dtype."""
    model, count = spec.model, gpus(spec)
    activation = _PROFILES.get(model.family, 8.0 if model.moe else 5.5)
    weights = stored_bytes(model, spec.quantization)
    used = weights + (activation + _outside(spec) * count) * GIB
    cache = spec.gpu.nominal_gb * GIB * share(spec) * count - used
    return _from_cache(spec, weights / count, cache)


def blis(spec: Spec) -> Prediction:
    """BLIS: 5.5 GiB of activation, or 8 for experts, on each GPU; nominal memory; heads split without limit."""
    model, count = spec.model, gpus(spec)
    weights = stored_bytes(model, spec.quantization)
    each = (8.0 if model.moe else 5.5) + _outside(spec)
    cache = (spec.gpu.nominal_gb * GIB * share(spec) - each * GIB) * count - weights
    return _from_cache(spec, weights / count, cache)


def _outside(spec: Spec) -> float:
    """GiB outside of torch on each GPU, as both planners have it."""
    return 0.15 if spec.tensor_parallel == 1 else 0.6


def _from_cache(spec: Spec, weights: float, cache: float) -> Prediction:
    tokens = max(0.0, cache) / token_bytes(spec.model)
    return Prediction(weights, tokens, tokens >= spec.context)


def share(spec: Spec) -> float:
    """Share of the GPU that vLLM may use."""
    return spec.engine.memory_utilization if spec.memory_utilization is None else spec.memory_utilization


def gpus(spec: Spec) -> int:
    return spec.tensor_parallel * spec.pipeline_parallel


PEERS: dict[str, Peer] = {
    "llm-d planner": llmd,
    "BLIS": blis,
    "kaito": kaito,
    "accelerate x1.2": accelerate,
    "vLLM recipes x1.2": recipes,
    "GPUStack": gpustack,
}
