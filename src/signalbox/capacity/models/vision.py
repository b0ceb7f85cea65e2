"""Parameters of vision towers and the projectors behind them, by the kind of tower."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from signalbox.capacity.models.families.gemma4 import gemma4_towers, is_gemma4
from signalbox.capacity.spec import Vision

Config = Mapping[str, Any]


@dataclass(frozen=True)
class _Encoder:
    """What an engine runs a kind of encoder with, and the tensors of its layers. See `Vision` for the units."""

    image_tokens: int
    merge: int
    frames: int
    attention: int
    feed_forward: int
    positions: int = 0
    rotary: int = 0
    video_images: int = 0


# vLLM 0.24.0, vllm/model_executor/models: qwen2_vl.py, qwen2_5_vl.py, qwen3_vl.py, siglip.py.
# Largest image: Qwen2 max_pixels 12,845,056 of 28 x 28 pixels a token, Qwen3 and later 16,777,216 of 32 x 32
# (16384 tokens in a log of Qwen3.5-27B, vllm-project/vllm#35289); Gemma 3: 896 x 896 pixels,
# pooled to 256 tokens. Videos of Qwen2: at most 14 frames (_MAX_FRAMES_PER_VIDEO), two of which make an image.
_QWEN3 = _Encoder(16384, 4, frames=2, attention=8, feed_forward=2, positions=1, rotary=1)
_ENCODERS = {
    "qwen2_vl": _Encoder(16384, 4, frames=2, attention=8, feed_forward=2, rotary=1, video_images=7),
    "qwen2_5_vl": _Encoder(16384, 4, frames=2, attention=8, feed_forward=3, rotary=2, video_images=7),
    "qwen3_vl": _QWEN3,
    "qwen3_vl_moe": _QWEN3,
    "qwen3_5": _QWEN3,
    "qwen3_5_moe": _QWEN3,
    "gemma3": _Encoder(256, 16, frames=1, attention=4, feed_forward=2),
}


def vision_encoder(config: Config) -> Vision | None:
    """The encoder's sizes; None for a text model and for an encoder whose largest image is not known."""
    tower, kind = config.get("vision_config"), _ENCODERS.get(str(config.get("model_type")))
    if not isinstance(tower, Mapping) or kind is None:
        return None
    # Qwen2-VL calls the width of its outputs hidden_size.
    hidden = int(tower.get("embed_dim") or tower.get("hidden_size") or 0)
    if not hidden:
        return None
    patch, heads = int(tower.get("patch_size") or 14), int(tower.get("num_heads") or 16)
    inner = int(tower.get("intermediate_size") or hidden * float(tower.get("mlp_ratio") or 4))
    return Vision(
        hidden=hidden,
        intermediate=inner,
        patch=patch,
        merge=kind.merge,
        image_tokens=kind.image_tokens,
        inputs=3 * kind.frames * patch**2 + kind.rotary * (hidden // heads) + kind.positions * hidden,
        attention=kind.attention,
        feed_forward=kind.feed_forward,
        deep_features=len(tower.get("deepstack_visual_indexes") or ()),
        video_images=kind.video_images,
    )


def vision_parameters(config: Config, text_hidden: int) -> tuple[int, str | None]:
    """Parameters of tower and projector; and the assumption made for a tower of an unknown kind."""
    if is_gemma4(config):
        return gemma4_towers(config, text_hidden), None
    tower = config.get("vision_config")
    if not isinstance(tower, Mapping):
        return 0, None
    kind = str(tower.get("model_type") or config.get("model_type") or "")
    if count := _TOWERS.get(kind):
        return count(config, tower, text_hidden), None
    if not tower.get("hidden_size"):
        return 0, f"vision tower {kind!r} has no hidden_size: not counted"
    return _plain_tower(tower) + int(tower["hidden_size"]) * text_hidden, (
        f"vision tower {kind!r} is unknown: counted as a plain transformer"
    )


def _plain_tower(tower: Config) -> int:
    """Patch convolution, positions, and layers with biases: SigLIP and its like, without a pooling head."""
    hidden, inner = int(tower["hidden_size"]), int(tower.get("intermediate_size") or 4 * tower["hidden_size"])
    layers = int(tower.get("num_hidden_layers") or tower.get("depth") or 24)
    patch, image = int(tower.get("patch_size") or 14), int(tower.get("image_size") or 336)
    layer = 4 * (hidden * hidden + hidden) + 2 * hidden * inner + inner + hidden + 4 * hidden
    embedding = 3 * patch * patch * hidden + hidden + (image // patch) ** 2 * hidden
    return layers * layer + embedding + 2 * hidden


def _siglip(config: Config, tower: Config, text_hidden: int) -> int:
    hidden = int(tower["hidden_size"])
    if config.get("model_type") == "gemma3":
        return _plain_tower(tower) + hidden * text_hidden + hidden
    return _plain_tower(tower) + _two_layer_projector(config, hidden, text_hidden)


def _two_layer_projector(config: Config, hidden: int, text_hidden: int) -> int:
    """LLaVA's: features of one or several layers, two linear layers with biases, the newline embedding."""
    layers = config.get("vision_feature_layer")
    width = hidden * (len(layers) if isinstance(layers, list | tuple) else 1)
    return width * text_hidden + text_hidden + text_hidden * text_hidden + text_hidden + text_hidden


def _pixtral(config: Config, tower: Config, text_hidden: int) -> int:
    hidden, inner = int(tower["hidden_size"]), int(tower["intermediate_size"])
    layers, patch = int(tower["num_hidden_layers"]), int(tower["patch_size"])
    layer = 4 * hidden * hidden + 3 * hidden * inner + 2 * hidden
    merge = int(config.get("spatial_merge_size") or 2)
    projector = hidden + merge * merge * hidden * hidden + hidden * text_hidden + text_hidden * text_hidden
    return layers * layer + 3 * patch * patch * hidden + hidden + projector


def _qwen_vl(_config: Config, tower: Config, text_hidden: int) -> int:
    hidden, inner, depth = int(tower["hidden_size"]), int(tower["intermediate_size"]), int(tower["depth"])
    mlp = 3 * hidden * inner + 2 * inner + hidden
    layer = 4 * hidden * hidden + 4 * hidden + mlp + 2 * hidden
    patch = 3 * int(tower["temporal_patch_size"]) * int(tower["patch_size"]) ** 2 * hidden
    merged = hidden * int(tower["spatial_merge_size"]) ** 2
    merger = hidden + merged * merged + merged + merged * text_hidden + text_hidden
    return depth * layer + patch + merger


def _qwen3_vl(_config: Config, tower: Config, text_hidden: int) -> int:
    """Learned positions, layers with biases, and a merger at the end and after each of some layers."""
    hidden, inner, depth = int(tower["hidden_size"]), int(tower["intermediate_size"]), int(tower["depth"])
    layer = 4 * hidden * hidden + 4 * hidden + 2 * hidden * inner + inner + hidden + 4 * hidden
    patch = 3 * int(tower["temporal_patch_size"]) * int(tower["patch_size"]) ** 2 * hidden + hidden
    positions = int(tower["num_position_embeddings"]) * hidden
    merged = hidden * int(tower["spatial_merge_size"]) ** 2
    out = int(tower.get("out_hidden_size") or text_hidden)
    projection = merged * merged + merged + merged * out + out
    deep = len(tower.get("deepstack_visual_indexes") or ()) * (projection + 2 * merged)
    return depth * layer + patch + positions + projection + 2 * hidden + deep


def _llama4(_config: Config, tower: Config, text_hidden: int) -> int:
    hidden, inner = int(tower["hidden_size"]), int(tower["intermediate_size"])
    layers, patch = int(tower["num_hidden_layers"]), int(tower["patch_size"])
    layer = 4 * (hidden * hidden + hidden) + 2 * hidden * inner + inner + hidden + 4 * hidden
    tokens = (int(tower["image_size"]) // patch) ** 2 + 1
    embedding = 3 * patch * patch * hidden + hidden + tokens * hidden + 4 * hidden
    projected = int(tower["projector_output_dim"])
    adapter = inner * int(tower["projector_input_dim"]) + int(tower["projector_input_dim"]) * projected
    return layers * layer + embedding + adapter + int(tower["vision_output_dim"]) * text_hidden


def _moonvit(_config: Config, tower: Config, text_hidden: int) -> int:
    hidden, inner = int(tower["hidden_size"]), int(tower["intermediate_size"])
    layers, patch = int(tower["num_hidden_layers"]), int(tower["patch_size"])
    layer = 4 * (hidden * hidden + hidden) + 2 * hidden * inner + inner + hidden + 4 * hidden
    embedding = 3 * patch * patch * hidden + hidden
    embedding += int(tower["init_pos_emb_height"]) * int(tower["init_pos_emb_width"]) * hidden
    merged = hidden * 4
    projector = 2 * hidden + merged * merged + merged + merged * text_hidden + text_hidden
    return layers * layer + embedding + 2 * hidden + projector


_TOWERS: dict[str, Callable[[Config, Config, int], int]] = {
    "siglip_vision_model": _siglip,
    "pixtral": _pixtral,
    "qwen2_5_vl": _qwen_vl,
    "qwen3_vl": _qwen3_vl,
    "qwen3_vl_moe": _qwen3_vl,
    "qwen3_5": _qwen3_vl,
    "qwen3_5_moe": _qwen3_vl,
    "llama4_vision_model": _llama4,
    "moonvit": _moonvit,
}
