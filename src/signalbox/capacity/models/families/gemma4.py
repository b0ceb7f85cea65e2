"""Gemma 4: layers of two head sizes, shared keys and values, embeddings for each layer, and a parallel mixture of experts.

The sources are vLLM 0.24.0, model_executor/models/gemma4.py and gemma4_mm.py, and transformers 5.12.1,
models/gemma4/modeling_gemma4.py for the towers, which vLLM takes from there.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from signalbox.capacity.models.shape import Config, Shape, moe_of
from signalbox.capacity.spec import KvGroup, Parameters

_PATTERN = 6  # five sliding layers, then a full one, where the config is silent


def is_gemma4(config: Config) -> bool:
    return config.get("model_type") in ("gemma4", "gemma4_text")


def _full_layers(shape: Shape) -> list[bool]:
    """Whether a layer attends to all tokens; the last one always does."""
    if types := shape.config.get("layer_types"):
        return [kind == "full_attention" for kind in types]
    every = int(shape.config.get("sliding_window_pattern") or _PATTERN)
    return [(index + 1) % every == 0 or index == shape.layers - 1 for index in range(shape.layers)]


def _heads(shape: Shape, *, full: bool) -> tuple[int, int]:
    """KV heads and head size of a layer."""
    config = shape.config
    if not full:
        return shape.kv_heads, shape.head_dim
    shared = bool(config.get("attention_k_eq_v"))
    heads = int(config.get("num_global_key_value_heads") or shape.kv_heads) if shared else shape.kv_heads
    return heads, int(config.get("global_head_dim") or shape.head_dim)


def gemma4_groups(shape: Shape) -> tuple[KvGroup, ...]:
    """Layers with a cache of their own: the last `num_kv_shared_layers` read an earlier one's."""
    own = shape.layers - int(shape.config.get("num_kv_shared_layers") or 0)
    counts = Counter(_full_layers(shape)[:own])
    window = int(shape.config.get("sliding_window") or 0) or None
    groups = []
    for full, layers in counts.items():
        heads, size = _heads(shape, full=full)
        kind: Any = "full" if full else "sliding"
        groups.append(KvGroup(kind, layers, heads, size, size, None if full else window))
    return tuple(groups)


def gemma4_parameters(shape: Shape, towers: int) -> Parameters:
    """All parameters as vLLM loads them: keys that are also the values are held twice."""
    config, hidden = shape.config, shape.hidden
    full = _full_layers(shape)
    sizes = [_heads(shape, full=one) for one in full]
    keys = sum(2 * hidden * heads * size for heads, size in sizes)
    queries = sum(2 * hidden * shape.heads * size for _, size in sizes)
    own = shape.layers - int(config.get("num_kv_shared_layers") or 0)
    wide = (shape.layers - own) * bool(config.get("use_double_wide_mlp"))
    dense = 3 * hidden * shape.intermediate * (shape.layers + wide)
    experts, routers, norms = _sparse(shape)
    each = int(config.get("hidden_size_per_layer_input") or 0)
    gates = 2 * hidden * each * shape.layers + hidden * each * shape.layers
    return Parameters(
        embedding=shape.vocab * hidden,
        head=0,
        linear=queries + keys + dense + gates,
        experts=experts * shape.layers,
        other=(4 + norms + bool(each)) * hidden * shape.layers
        + sum(2 * size + 1 for _, size in sizes)
        + routers * shape.layers
        + hidden
        + each,
        vision=towers,
        key_value=keys,
        replicated=2 * hidden * each * shape.layers,
        rope=shape.positions * (shape.head_dim + int(config.get("global_head_dim") or 0)),
        lookup=int(config.get("vocab_size_per_layer_input") or 0) * each * shape.layers,
    )


def _sparse(shape: Shape) -> tuple[int, int, int]:
    """Expert weights and router of one layer, and its further norms."""
    moe = moe_of(shape) if shape.config.get("enable_moe_block") else None
    if moe is None:
        return 0, 0, 0
    return (
        3 * shape.hidden * moe.intermediate * moe.experts,
        shape.hidden * (moe.experts + 1) + moe.experts,
        3,
    )


def gemma4_towers(config: Config, text_hidden: int) -> int:
    """Parameters of the vision and the audio tower, with their projections."""
    vision = config.get("vision_config") or {}
    audio = config.get("audio_config") or {}
    total = 0
    if vision:
        hidden, layers = int(vision["hidden_size"]), int(vision["num_hidden_layers"])
        heads = int(vision["num_attention_heads"]) * int(vision["head_dim"])
        inner, patch = int(vision["intermediate_size"]), int(vision["patch_size"])
        layer = 4 * hidden * heads + 3 * hidden * inner + 4 * hidden + 2 * int(vision["head_dim"])
        positions = 2 * int(vision["position_embedding_size"]) * hidden
        total += layers * layer + 3 * patch**2 * hidden + positions + hidden * text_hidden
        total += 2 * hidden if vision.get("standardize") else 0
    if audio:
        hidden, layers = int(audio["hidden_size"]), int(audio["num_hidden_layers"])
        wide = int(audio["output_proj_dims"])
        # Two feed-forward parts of 8 H², attention of 5 H², a light convolution of 3 H² with 5 taps, nine norms, and a scale of each dimension.
        scale = hidden // int(audio["num_attention_heads"])
        layer = 24 * hidden**2 + (int(audio["conv_kernel_size"]) + 9) * hidden + scale
        first, second = audio["subsampling_conv_channels"]
        convolutions = 9 * first + 9 * first * second + first + second + second * 32 * hidden
        total += layers * layer + convolutions + hidden * wide + wide + wide * text_hidden
    return total
