"""Kinds of cache by the tensors of each layer, for architectures whose config.json the planner does not know."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from signalbox.capacity.models.hub.tensors import Tensor, kind_of
from signalbox.capacity.models.shape import get
from signalbox.capacity.spec import KvGroup
from signalbox.errors import InputError

_LATENT = re.compile(r"\.(kv_a_proj_with_mqa|attn_kv_a_mqa|kv_a_proj)\.")
_KEY = re.compile(r"\.(k_proj|attn_k)\.weight$")
_ATTENTION = re.compile(
    r"\.(k_proj|attn_k|qkv_proj|attn_qkv|query_key_value|c_attn|Wqkv|wqkv|kv_proj|key)\.(weight|qweight|weight_packed)$"
)
_STATE = re.compile(r"\.(A_log|ssm_a|dt_bias|ssm_dt)(\.|$)")
_CONVOLUTION = re.compile(r"(conv1d|short_conv|ssm_conv1d)\.?(conv\.)?weight$")
_STATE_KEYS = ("ssm_state_size", "mamba_d_state", "state_size", "d_state", "linear_key_head_dim")
_WIDTH_KEYS = ("mamba_head_dim", "mamba_d_head", "head_dim_ssm", "linear_value_head_dim")
_BYTES = 2


def cache_groups(tensors: Sequence[Tensor], config: Mapping[str, Any], layers: int) -> tuple[KvGroup, ...]:
    """Layers with attention, latent attention or a recurrent state. Raises InputError where no layer has any of them.

    Windows are not applied: an unknown family may not use the one that its config names, and all tokens are the most.
    """
    rows: dict[int, list[Tensor]] = {}
    for tensor in tensors:
        if (layer := tensor.layer) is not None and layer < layers and kind_of(tensor, layers) != "vision":
            rows.setdefault(layer, []).append(tensor)
    groups = Counter(group for layer in sorted(rows) for group in _groups(rows[layer], config))
    if not groups:
        problem = "no layer of the checkpoint has attention weights that the planner knows"
        raise InputError("--model", config.get("model_type"), "use a decoder", problem=problem)
    return tuple(
        KvGroup(kind, count, heads, key, value, None, state)
        for (kind, heads, key, value, state), count in groups.items()
    )


def _groups(layer: Sequence[Tensor], config: Mapping[str, Any]) -> list[tuple[Any, int, int, int, int]]:
    """The caches of one layer: some families have attention and a state side by side."""
    groups: list[tuple[Any, int, int, int, int]] = []
    names = [tensor.name for tensor in layer]
    head_dim = int(
        get(config, "head_dim") or int(get(config, "hidden_size")) // int(get(config, "num_attention_heads"))
    )
    if any(_LATENT.search(name) for name in names):
        width = int(config.get("kv_lora_rank") or 0) + int(config.get("qk_rope_head_dim") or 0)
        groups.append(("mla", 1, width, 0, 0))
    elif any(_ATTENTION.search(name) for name in names):
        key = next(
            (row for row in layer if _KEY.search(row.name) and row.dtype in ("F16", "BF16", "F32")), None
        )
        heads = int(get(config, "num_key_value_heads") or get(config, "num_attention_heads"))
        groups.append(("full", key.shape[0] // head_dim if key else heads, head_dim, head_dim, 0))
    if any(_STATE.search(name) for name in names):
        groups.append(("state", 0, 0, 0, _state_bytes(layer, config)))
    return groups


def _state_bytes(layer: Sequence[Tensor], config: Mapping[str, Any]) -> int:
    """Convolution and recurrent state of one sequence, two bytes a number."""
    conv = next((row for row in layer if _CONVOLUTION.search(row.name)), None)
    heads = next((row for row in layer if _STATE.search(row.name)), None)
    size = next((int(config[key]) for key in _STATE_KEYS if config.get(key)), None)
    width = next((int(config[key]) for key in _WIDTH_KEYS if config.get(key)), None)
    if heads is None or size is None:
        problem = f"config.json ({config.get('model_type')}) does not state the size of the recurrent state"
        raise InputError(
            "--model", config.get("model_type"), f"one of {', '.join(_STATE_KEYS)} is needed", problem=problem
        )
    # A of Mamba 1 has a row of states for each channel; A of Mamba 2 and of delta nets one number for each head.
    recurrent = heads.count if len(heads.shape) > 1 else heads.count * size * (width or 1)
    kernel = conv.shape[-1] if conv else 1
    channels = conv.count // kernel if conv else 0
    return _BYTES * (channels * (kernel - 1) + recurrent)
