"""Kinds of cache, layer by layer: full, sliding, chunked, latent, state."""

from __future__ import annotations

from collections import Counter

from signalbox.capacity.models.families.gemma4 import gemma4_groups, is_gemma4
from signalbox.capacity.models.families.mamba import layer_letters, mamba_of
from signalbox.capacity.models.shape import Config, Shape
from signalbox.capacity.spec import CacheKind, KvGroup


def layer_kinds(shape: Shape) -> list[tuple[CacheKind, int | None]]:
    """Kind of cache and window of every layer that has one."""
    config, window = shape.config, shape.config.get("sliding_window")
    if letters := layer_letters(config):
        return [("state" if letter == "M" else "full", None) for letter in letters if letter in "M*"]
    if config.get("kv_lora_rank"):
        return [("mla", None)] * shape.layers
    if types := config.get("layer_types"):
        kinds: dict[str, tuple[CacheKind, int | None]] = {
            "full_attention": ("full", None),
            "sliding_attention": ("sliding", window),
            "chunked_attention": ("chunked", config.get("attention_chunk_size")),
            "linear_attention": ("state", None),
            "mamba": ("state", None),
        }
        return [kinds.get(kind, ("full", None)) for kind in types]
    if interval := config.get("full_attention_interval"):
        return [("state" if (i + 1) % interval else "full", None) for i in range(shape.layers)]
    return [_layer_kind(shape, i, window) for i in range(shape.layers)]


def _layer_kind(shape: Shape, index: int, window: int | None) -> tuple[CacheKind, int | None]:
    config, rule = shape.config, shape.family.window
    if rule == "chunks":
        chunk = config.get("attention_chunk_size")
        local = chunk and (index + 1) % int(config.get("no_rope_layer_interval") or 4)
        return ("chunked", chunk) if local else ("full", None)
    if rule == "none" or not window:
        return ("full", None)
    every = int(config.get("sliding_window_pattern") or config.get("_sliding_window_pattern") or 6)
    slides = {
        "config": True,
        "qwen": bool(config.get("use_sliding_window")) and index >= int(config.get("max_window_layers") or 0),
        "alternate": index % 2 == 0,
        "pattern": (index + 1) % every != 0,
    }[rule]
    return ("sliding", window) if slides else ("full", None)


def kv_groups(shape: Shape) -> tuple[KvGroup, ...]:
    """Layers by kind of cache, in the order of their first layer."""
    if is_gemma4(shape.config):
        return gemma4_groups(shape)
    counts = Counter(layer_kinds(shape))
    groups = []
    for (kind, window), layers in counts.items():
        key = value = shape.head_dim
        heads, state, index = shape.kv_heads, 0, 0
        if kind == "mla":
            key, value, heads = shape.config["kv_lora_rank"] + shape.config["qk_rope_head_dim"], 0, 1
            index = _index_bytes(shape.config)
        if kind == "state":
            key, value, heads, state = 0, 0, 0, _state_bytes(shape)
        groups.append(KvGroup(kind, layers, heads, key, value, window, state, index))
    return tuple(groups)


def _index_bytes(config: Config) -> int:
    """Keys of the sparse attention's indexer: a byte a number, and a scale for 128 (vLLM models/deepseek_v2.py)."""
    if not config.get("index_topk"):
        return 0
    size = int(config["index_head_dim"])
    return size + 4 * (size // 128)


def _state_bytes(shape: Shape) -> int:
    """Convolution and recurrent state of one sequence on one GPU: of a Mamba-2 or a gated delta-net layer.

    Qwen3.5 keeps the recurrent state in the type of `mamba_ssm_dtype` (vLLM models/config.py).
    """
    if (mamba := mamba_of(shape.config)) is not None:
        return mamba.state_bytes
    keys, values = delta_dims(shape.config)
    conv = (2 * keys + values) * (int(shape.config["linear_conv_kernel_dim"]) - 1)
    recurrent = int(shape.config["linear_num_value_heads"]) * (
        int(shape.config["linear_key_head_dim"]) * int(shape.config["linear_value_head_dim"])
    )
    return 2 * conv + (4 if shape.config.get("mamba_ssm_dtype") == "float32" else 2) * recurrent


def delta_dims(config: Config) -> tuple[int, int]:
    """Widths of keys and of values of a gated delta-net layer."""
    keys = int(config["linear_num_key_heads"]) * int(config["linear_key_head_dim"])
    return keys, int(config["linear_num_value_heads"]) * int(config["linear_value_head_dim"])
