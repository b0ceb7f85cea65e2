"""From the headers of a checkpoint to an architecture: exact weights, and the layers that hold a cache."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from signalbox.capacity.models.architecture import from_config
from signalbox.capacity.models.checkpoint_quantization import checkpoint_quantization
from signalbox.capacity.models.families.encoders import ENCODERS
from signalbox.capacity.models.families.traits import FAMILIES
from signalbox.capacity.models.hub.checkpoint import Checkpoint
from signalbox.capacity.models.hub.layers import cache_groups
from signalbox.capacity.models.hub.tensors import Kind, Part, Tensor, kind_of, parts
from signalbox.capacity.models.shape import get, text_config
from signalbox.capacity.spec import Architecture, Parameters, Stored
from signalbox.capacity.units import GIB
from signalbox.errors import InputError

_HALF_TYPES = ("F16", "BF16", "F32")
_BITS = 8
_MEGA = 1_000_000
_KEYS = re.compile(r"\.(k_proj|v_proj|attn_k|attn_v)\.")
_LATENT = re.compile(r"\.(q_a_proj|kv_a_proj_with_mqa|attn_q_a|attn_kv_a_mqa|fused_qkv_a_proj)\.")
_ABSORBED = re.compile(r"\.(kv_b_proj|attn_k_b|attn_v_b|attn_kv_b)\.")


def architecture_of(checkpoint: Checkpoint, name: str) -> Architecture:
    """The architecture with the weights as stored. Raises InputError for a config.json without the sizes of layers."""
    config = checkpoint.config
    if not checkpoint.tensors:
        note = f"weights: counted from config.json, {checkpoint.label} has no safetensors or GGUF headers"
        counted = from_config(config, name)
        return replace(counted, assumptions=(*counted.assumptions, note))
    text = text_config(config)
    layers = int(get(text, "num_hidden_layers") or 0)
    layers -= int(text.get("num_nextn_predict_layers") or 0) if checkpoint.gguf else 0
    declared = checkpoint_quantization(config)
    _check_packed(checkpoint, declared)
    kinds = parts(
        checkpoint.tensors, layers, _packed_bits(config), zeros_grow=4 if declared == "awq-int4" else 1
    )
    familiar = str(text.get("model_type") or config.get("model_type") or "") in {*FAMILIES, *ENCODERS}
    base = _base(checkpoint, name, layers, familiar=familiar)
    tied = base.tied and not checkpoint.gguf
    counts = _counts(base.parameters, kinds, checkpoint, layers, tied=tied)
    return replace(
        base,
        layers=layers,
        tied=counts.head == 0,
        parameters=counts,
        checkpoint_quantization=declared,
        stored=_stored(kinds, checkpoint, declared, tied=tied),
        stored_bits=None,
        guessed=False,
        assumptions=(*_assumptions(base, checkpoint, kinds, familiar=familiar),),
    )


def _base(checkpoint: Checkpoint, name: str, layers: int, *, familiar: bool) -> Architecture:
    """The architecture by its family's formulas; of an unknown family, as a plain decoder with the caches of its tensors."""
    if familiar:
        return from_config({**checkpoint.config, **_layer_count(checkpoint.config, layers)}, name)
    groups = cache_groups(checkpoint.tensors, text_config(checkpoint.config), layers)
    plain = {**_plain_config(checkpoint.config), **_layer_count({}, layers)}
    return replace(
        from_config(plain, name),
        kv_groups=groups,
        family=str(checkpoint.config.get("model_type") or "unknown"),
    )


def _layer_count(config: Mapping[str, Any], layers: int) -> dict[str, Any]:
    return {} if "text_config" in config else {"num_hidden_layers": layers}


_PLAIN = (
    "hidden_size",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "tie_word_embeddings",
    "torch_dtype",
    "num_experts",
    "num_experts_per_tok",
    "moe_intermediate_size",
    "n_shared_experts",
)


def _plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The sizes of a decoder under their usual names, without what only its own family reads."""
    text = text_config(config)
    values = {key: get(text, key) if get(text, key) is not None else get(config, key) for key in _PLAIN}
    plain = {key: value for key, value in values.items() if isinstance(value, (int, str))}
    return {**plain, "model_type": "llama"}


def _counts(
    base: Parameters, kinds: Mapping[Kind, Part], checkpoint: Checkpoint, layers: int, *, tied: bool
) -> Parameters:
    """Parameters by kind from the tensors; a head that the model ties to its embedding is not loaded."""

    def weights(kind: Kind) -> int:
        return kinds.get(kind, Part()).weights

    own = [row for row in checkpoint.tensors if kind_of(row, layers) == "linear"]
    exact = all(row.dtype in _HALF_TYPES or row.dtype.startswith("F8") for row in own)
    linear = {
        "key_value": _sum(own, _KEYS) or base.key_value,
        "replicated": _sum(own, _LATENT) or base.replicated,
        "absorbed": _sum(own, _ABSORBED) or base.absorbed,
    }
    return replace(
        base,
        embedding=weights("embedding"),
        head=0 if tied else weights("head"),
        linear=weights("linear"),
        experts=weights("experts"),
        other=weights("other"),
        vision=weights("vision"),
        plain=0,
        lookup=0,  # its tensor is in `embedding`
        **(linear if exact else {}),
    )


def _sum(tensors: list[Tensor], pattern: re.Pattern[str]) -> int:
    return sum(
        row.count for row in tensors if pattern.search(row.name) and not row.name.endswith("_scale_inv")
    )


def _stored(
    kinds: Mapping[Kind, Part], checkpoint: Checkpoint, declared: str | None, *, tied: bool
) -> Stored | None:
    """Bits per weight as stored; None for 16 bits, where an engine loads the counts in its own dtype."""
    if declared is None:
        return None

    def bits(kind: Kind) -> float | None:
        part = kinds.get(kind, Part())
        return part.bytes * _BITS / part.weights if part.weights else None

    return Stored(
        quantization=declared,
        embedding_bits=bits("embedding"),
        head_bits=None if tied else bits("head"),
        linear_bits=bits("linear"),
        expert_bits=bits("experts"),
        other_bits=bits("other"),
        vision_bits=bits("vision"),
        source=f"headers of {checkpoint.label}@{checkpoint.commit[:12]}",
    )


def _packed_bits(config: Mapping[str, Any]) -> int:
    """Bits of a packed number, by whatever key the method has for it."""
    declaration = config.get("quantization_config") or text_config(config).get("quantization_config") or {}
    for key in ("bits", "w_bit", "num_bits"):
        if isinstance(value := declaration.get(key), int):
            return value
    groups = declaration.get("config_groups") or {}
    for group in groups.values() if isinstance(groups, Mapping) else ():
        if isinstance(value := (group.get("weights") or {}).get("num_bits"), int):
            return value
    return 8 if declaration.get("load_in_8bit") else 4


def _check_packed(checkpoint: Checkpoint, declared: str | None) -> None:
    """Packed weights of a method that nobody here can read would otherwise count as 16-bit ones."""
    packed = sum(row.size for row in checkpoint.tensors if row.dtype in ("I32", "U32", "U8", "I8"))
    if declared is not None or packed * 2 < checkpoint.bytes_total:
        return
    declaration = checkpoint.config.get("quantization_config") or {}
    method = declaration.get("quant_method") or "unnamed"
    problem = (
        f"`{checkpoint.label}` is stored in the quantization `{method}`, which the planner does not read"
    )
    hint = "use a checkpoint in AWQ, GPTQ, FP8, compressed-tensors, bitsandbytes or GGUF"
    raise InputError("--model", checkpoint.label, hint, problem=problem)


def _assumptions(
    base: Architecture, checkpoint: Checkpoint, kinds: Mapping[Kind, Part], *, familiar: bool
) -> list[str]:
    """How the weights were read, and what the headers cannot say."""
    size = f"{checkpoint.bytes_total / GIB:,.2f} GiB"
    files = f"{checkpoint.files} file{'s' if checkpoint.files > 1 else ''}"
    read = (
        f"{checkpoint.bytes_read / _MEGA:,.2f} MB read"
        if checkpoint.bytes_read
        else "read before, from the cache"
    )
    lines = [
        f"weights: {size} by the headers of {files} of {checkpoint.label}@{checkpoint.commit[:12]}, {read}"
    ]
    if checkpoint.gguf:
        lines.append(f"GGUF file: {checkpoint.gguf}")
    if draft := kinds.get("draft"):
        lines.append(f"{draft.bytes / GIB:.2f} GiB of layers for drafting are not loaded")
    if not familiar:
        lines.append(
            f"architecture `{base.family}`: weights and layers with a cache by the headers, activation as a plain decoder"
        )
    return [*lines, *(text for text in base.assumptions if not text.startswith("vision tower"))]
