"""The sizes of a text model, read once from its config.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signalbox.capacity.models.families.traits import Family
from signalbox.capacity.spec import Moe
from signalbox.capacity.units import ceil_div
from signalbox.errors import InputError

Config = Mapping[str, Any]

# Names that older families use for the same thing.
_SYNONYMS: dict[str, tuple[str, ...]] = {
    "hidden_size": ("n_embd", "d_model"),
    "num_hidden_layers": ("n_layer", "n_layers", "num_layers"),
    "num_attention_heads": ("n_head", "n_heads"),
    "num_key_value_heads": ("num_kv_heads", "n_head_kv", "multi_query_group_num"),
    "intermediate_size": ("ffn_dim", "n_inner", "ffn_hidden_size"),
    "max_position_embeddings": ("n_positions", "seq_length", "max_seq_len", "n_ctx"),
    "num_experts": ("num_local_experts", "n_routed_experts"),
    "torch_dtype": ("dtype",),
}
# Inner width of the expert that every token passes, where it is not a multiple of the routed ones'.
_SHARED_WIDTHS = (
    "shared_expert_intermediate_size",
    "shared_intermediate_size",
    "moe_shared_expert_intermediate_size",
)


@dataclass(frozen=True)
class Shape:
    """The text model's sizes, read once."""

    config: Config
    family: Family
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    positions: int
    tied: bool


def get(config: Config, key: str) -> Any:  # noqa: ANN401 - JSON
    """A field under its current or an older name."""
    return next((config[k] for k in (key, *_SYNONYMS.get(key, ())) if config.get(k) is not None), None)


def text_config(config: Config) -> Config:
    """The text model's part of a multimodal config, or the config itself."""
    nested = config.get("text_config") or config.get("llm_config") or config.get("language_config")
    return nested if isinstance(nested, Mapping) else config


def read_shape(text: Config, config: Config, family: Family, kind: str) -> Shape:
    """Sizes of the text model; numbers of heads that do not divide are an InputError."""
    hidden, heads = int(get(text, "hidden_size")), int(get(text, "num_attention_heads"))
    kv_heads = int(get(text, "num_key_value_heads") or heads)
    if kind == "falcon" and not text.get("new_decoder_architecture"):
        kv_heads = 1 if text.get("multi_query") else heads
    elif kind == "falcon":
        kv_heads = int(text.get("num_kv_heads") or kv_heads)
    tied = text.get("tie_word_embeddings", config.get("tie_word_embeddings"))
    for label, value in (("num_attention_heads", heads), ("num_key_value_heads", kv_heads)):
        if value <= 0 or (label == "num_key_value_heads" and heads % value):
            raise InputError(label, value, f"It must divide the {heads} attention heads.")
    return Shape(
        config=text,
        family=family,
        hidden=hidden,
        layers=int(get(text, "num_hidden_layers")),
        heads=heads,
        kv_heads=kv_heads,
        head_dim=int(get(text, "head_dim") or hidden // heads),
        intermediate=_inner(text, hidden),
        vocab=int(get(text, "vocab_size")),
        positions=int(get(text, "max_position_embeddings") or 2048),
        tied=family.tied if tied is None else bool(tied),
    )


def _inner(text: Config, hidden: int) -> int:
    """Granite 4 without experts has its dense part under the name of the shared one."""
    if text.get("model_type") == "granitemoehybrid" and not get(text, "num_experts"):
        return int(text["shared_intermediate_size"])
    return int(get(text, "intermediate_size") or 4 * hidden)


def moe_of(shape: Shape) -> Moe | None:
    """Its experts, None for a dense model."""
    config = shape.config
    experts = int(get(config, "num_experts") or 0)
    if experts <= 1 or config.get("enable_moe_block") is False:
        return None
    inner = int(config.get("moe_intermediate_size") or shape.intermediate)
    shared = int(config.get("n_shared_experts") or 0)
    if width := next((config[key] for key in _SHARED_WIDTHS if config.get(key)), None):
        shared = ceil_div(int(width), inner)
    if config.get("interleave_moe_layer_step"):
        shared = 1  # Llama 4: one shared expert in every sparse layer.
    topk = int(
        config.get("num_experts_per_tok") or config.get("moe_topk") or config.get("top_k_experts") or 1
    )
    return Moe(experts=experts, topk=topk, intermediate=inner, shared=shared)


def sparse_layers(config: Config, layers: int) -> int:
    """How many layers have routed experts."""
    step = int(config.get("decoder_sparse_step") or config.get("interleave_moe_layer_step") or 1)
    dense = int(config.get("first_k_dense_replace") or 0)
    only_mlp = set(config.get("mlp_only_layers") or ())
    return sum(1 for i in range(layers) if i >= dense and (i + 1) % step == 0 and i not in only_mlp)
