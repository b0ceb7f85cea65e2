"""LoRA adapters under vLLM: the matrices that it allocates at the start, for each slot and each linear layer.

vLLM 0.24.0 (vllm/lora/layers/): every linear layer has a matrix A of rank x inputs and a matrix B of outputs x rank for
each slot, whatever adapters are loaded later. Fused layers (QKV, gate and up) have one pair for each of their parts.
Column-parallel layers split B, row-parallel layers split A, and the other matrix is whole on each rank. They are part of
"Model loading took" (gpu_model_runner.py, load_model).
"""

from __future__ import annotations

from signalbox.capacity.memory.tensors import inner_ranks, local_experts
from signalbox.capacity.memory.weights import Stage
from signalbox.capacity.spec import Architecture, Spec

_FUSED_BUFFERS, _FLOAT = 3, 4  # of QKV, the layer with the most parts
# Models whose class lists `embedding_modules` (vllm/model_executor/models/*.py): their embedding and head have matrices too,
# of Cohere the embedding only.
_EMBEDDING_FAMILIES = frozenset(("llama", "mixtral", "qwen3", "qwen3_moe", "granite", "granitemoe", "phimoe"))
_INPUT_FAMILIES = frozenset(("cohere", "cohere2"))
_JOINT_FAMILIES = frozenset(
    ("gpt_oss", "qwen3_5_moe", "qwen3_5_moe_text", "qwen3_vl_moe", "qwen3_vl_moe_text")
)


def has_known_size(model: Architecture) -> bool:
    """Whether the inputs and outputs of all linear layers follow from the architecture: not of latents and states."""
    return not any(group.kind in ("mla", "state") for group in model.kv_groups)


def slot_bytes(spec: Spec, stage: Stage) -> int:
    """Bytes of the slots on one rank of a stage; 0 without adapters."""
    lora = spec.serving.lora
    if lora is None:
        return 0
    numbers = _layer_numbers(spec) * stage.layers + _expert_numbers(spec) * stage.share
    tables = stage.first + stage.last if spec.model.family in _EMBEDDING_FAMILIES else 0
    if spec.model.family in _INPUT_FAMILIES:
        tables = int(stage.first)
    numbers += (spec.model.vocab + spec.model.hidden) * tables
    return round(lora.adapters * lora.rank * numbers * _number_bytes(spec))


def step_bytes(spec: Spec, tokens: int) -> int:
    """The products of matrix A for a batch, in 32 bits."""
    lora = spec.serving.lora
    return 0 if lora is None else _FUSED_BUFFERS * tokens * lora.rank * _FLOAT


def formula(spec: Spec) -> str:
    """The slots in words."""
    lora = spec.serving.lora
    return "" if lora is None else f"{lora.adapters} LoRA slots of rank {lora.rank}"


def _layer_numbers(spec: Spec) -> float:
    """Inputs and outputs of the linear layers of one layer, as far as a rank holds them."""
    model, tp = spec.model, spec.tensor_parallel
    queries, keys = model.heads * model.head_dim / tp, max(1.0, model.kv_heads / tp) * model.head_dim
    attention = 3 * model.hidden + queries + 2 * keys + queries + model.hidden
    inner = model.intermediate if model.moe is None else model.moe.shared * model.moe.intermediate
    if not inner:
        return attention
    matrices = 3 if model.gated else 2
    return attention + matrices * (model.hidden + inner / tp)


def _expert_numbers(spec: Spec) -> float:
    """Inputs and outputs of the routed experts of all layers. Gate and up share matrix A where files store them joined."""
    model, moe = spec.model, spec.model.moe
    if moe is None:
        return 0.0
    sparse = model.parameters.experts / (3 * moe.experts * moe.intermediate * model.hidden)
    inner = moe.intermediate / inner_ranks(spec)
    hidden = 2 if model.family in _JOINT_FAMILIES else 3
    return local_experts(spec) * sparse * (hidden * model.hidden + 3 * inner)


def _number_bytes(spec: Spec) -> int:
    return 4 if spec.dtype == "float32" else 2
