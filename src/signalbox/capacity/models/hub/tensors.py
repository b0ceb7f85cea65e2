"""Tensors of a checkpoint by what an engine does with them: name, type and shape decide, never the data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

Kind = Literal["embedding", "head", "linear", "experts", "other", "vision", "draft"]

_DRAFT = re.compile(r"(^|\.)(mtp|mtp_block|nextn|eagle)\.|\.nextn\.")
_VISION = re.compile(
    r"(^|\.)(vision|visual|vision_model|vision_tower|vision_embed_tokens|image_newline|img_processor|"
    r"multi_modal_projector|mm_projector|patch_merger|vision_adapter|vision_language_adapter|vision_encoder|"
    r"embed_vision|audio_tower|audio_encoder|embed_audio|sound_encoder|sound_projection|connector|mlp1|v|mm|aligner)\."
)
_EMBEDDING = re.compile(
    r"(^|\.)(embed_tokens|embed_tokens_per_layer|wte|wpe|word_embeddings|tok_embeddings|token_embd|embed_in|"
    r"embed_positions|position_embeddings|token_type_embeddings|per_layer_token_embd|position_embd|token_types|"
    r"backbone\.embeddings|embeddings)(\.|$)"
)
_HEAD = re.compile(r"(^|\.)(lm_head|embed_out|output)\.(weight|qweight|scales|weight_scale)|^output\.weight")
_EXPERTS = re.compile(
    r"\.experts\.(\d+\.|gate_up_proj|down_proj|up_proj|gate_proj|w[123])|_exps\.|\.experts\.mlp\."
)
_OTHER = re.compile(
    r"(norm|layernorm|ln_\w+)\d*(\.|$)|\.bias$|router|\.gate\.(weight|e_score)|gate_inp|A_log|dt_bias|conv1d|sinks|"
    r"\.D$|rotary_emb|inv_freq|ssm_(a|d|dt|conv1d)|exp_probs_b|altup|laurel|\.scale$"
)
# Endings of tensors that belong to a quantized weight: its packed numbers, and what restores them.
_PACKED = re.compile(r"\.(qweight|weight_packed)$|_blocks$")
_RESTORING = re.compile(
    r"\.(scales|qzeros|g_idx|weight_scale|weight_scale_inv|weight_scale_2|weight_global_scale|weight_zero_point|"
    r"weight_shape|weight_g_idx|input_scale|input_global_scale|output_scale|k_scale|v_scale|SCB|absmax|"
    r"weight\.absmax|weight\.quant_map|weight\.nested_absmax|weight\.nested_quant_map|"
    r"weight\.quant_state\.\w+|weight_format)$|_scales$|_scale_inv$"
)
_LAYER = re.compile(r"(?:^|\.)(?:layers|blk|h|blocks)\.(\d+)\.")
_BYTE_PACKED = ("U8", "I8")
_WORD_PACKED = ("I32", "U32")


@dataclass(frozen=True)
class Tensor:
    """One row of a header. `size` is in bytes; `weights` overrides the count where blocks are packed (GGUF)."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int

    @property
    def count(self) -> int:
        return prod(self.shape)

    @property
    def layer(self) -> int | None:
        match = _LAYER.search(self.name)
        return int(match[1]) if match else None


@dataclass(frozen=True)
class Part:
    """Tensors of one kind: how many weights they stand for, and their bytes once loaded."""

    weights: int = 0
    bytes: int = 0


def kind_of(tensor: Tensor, layers: int) -> Kind:
    """Where a tensor belongs; layers beyond the model's own predict further tokens and load for drafting only."""
    name = tensor.name
    if _DRAFT.search(name) or (
        (layer := tensor.layer) is not None and layer >= layers > 0 and not _is_tower(name)
    ):
        return "draft"
    if _is_tower(name):
        return "vision"
    if _EMBEDDING.search(name) and not re.search(r"norm", name, re.IGNORECASE):
        return "embedding"
    if _HEAD.search(name):
        return "head"
    if _EXPERTS.search(name) and not name.endswith("_bias"):
        return "experts"
    if _OTHER.search(name) or name.endswith("_bias"):
        return "other"
    return "linear" if len(tensor.shape) > 1 or _RESTORING.search(name) or _PACKED.search(name) else "other"


def _is_tower(name: str) -> bool:
    return _VISION.search(name) is not None


def parts(tensors: Iterable[Tensor], layers: int, bits: int, *, zeros_grow: int = 1) -> Mapping[Kind, Part]:
    """Weights and loaded bytes by kind. `bits`: of a packed number. `zeros_grow`: by how much an engine unpacks zero points."""
    totals: dict[Kind, Part] = {}
    rows = list(tensors)
    packed = _packed_modules(rows)
    for tensor in rows:
        kind = kind_of(tensor, layers)
        size = tensor.size * (zeros_grow if tensor.name.endswith(".qzeros") else 1)
        before = totals.get(kind, Part())
        weights = _weights(tensor, bits, packed)
        totals[kind] = Part(before.weights + weights, before.bytes + size)
    return totals


def _packed_modules(tensors: Iterable[Tensor]) -> frozenset[str]:
    """Modules whose one-byte weights hold two numbers: a block scale next to them says so."""
    suffixes = (".weight.absmax", ".weight_scale_2", ".weight.quant_map")
    return frozenset(
        tensor.name.removesuffix(end) for tensor in tensors for end in suffixes if tensor.name.endswith(end)
    )


def _weights(tensor: Tensor, bits: int, packed: frozenset[str]) -> int:
    name = tensor.name
    if _RESTORING.search(name):
        return 0
    if _PACKED.search(name):
        width = 32 if tensor.dtype in _WORD_PACKED else 8
        return tensor.count * width // bits
    if tensor.dtype in _BYTE_PACKED and name.removesuffix(".weight") in packed:
        return tensor.count * 2
    return tensor.count
