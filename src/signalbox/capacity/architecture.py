"""From a config.json to what memory needs to know: parameters by kind, and layers by kind of cache.

Families differ in a few traits, so they are a table. The counts equal the published ones to the parameter
(a test asserts it for every catalogue row that has one).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from signalbox.capacity.setup import Architecture, CacheKind, KvGroup, Moe, Parameters
from signalbox.capacity.vision import vision_parameters
from signalbox.errors import InputError

Config = Mapping[str, Any]
_GENERIC_UNCERTAINTY = 0.05  # Biases, norms and layouts that an unknown family may add or lack.
_REQUIRED = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")

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


@dataclass(frozen=True)
class Family:
    """Traits that a config.json does not say, by its model_type."""

    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    gated: bool = True
    norms: int = 2  # of the hidden size, in a layer
    norm_bias: bool = False
    embedding_norm: bool = False
    qk_norm: Literal["none", "head", "full"] = "none"
    tied: bool = False  # when the config is silent
    learned_positions: int | None = None  # rows beyond max_position_embeddings
    head_bias: bool = False
    window: Literal["config", "qwen", "alternate", "pattern", "chunks", "none"] = "config"
    gate_in_query: bool = False
    sinks: bool = False
    expert_bias: bool = False
    router_bias: bool = False
    shared_gate: bool = False
    plain_attention: bool = False  # its quantized checkpoints leave attention in 16 bit


_BIASED = Family(
    qkv_bias=True, out_bias=True, mlp_bias=True, gated=False, norm_bias=True, tied=True, window="none"
)
FAMILIES: dict[str, Family] = {
    "llama": Family(window="none"),
    "mistral": Family(),
    "ministral": Family(),
    "mixtral": Family(),
    "smollm3": Family(tied=True, window="none"),
    "granite": Family(window="none"),
    "granitemoe": Family(window="none"),
    "qwen2": Family(qkv_bias=True, window="qwen"),
    "qwen2_vl": Family(qkv_bias=True, window="qwen"),
    "qwen2_5_vl": Family(qkv_bias=True, window="qwen"),
    "qwen2_moe": Family(qkv_bias=True, window="qwen", shared_gate=True),
    "qwen3": Family(qk_norm="head", window="qwen"),
    "qwen3_moe": Family(qk_norm="head", window="qwen"),
    "qwen3_next": Family(qk_norm="head", window="none", gate_in_query=True, shared_gate=True),
    "gemma": Family(tied=True, window="none"),
    "gemma2": Family(norms=4, tied=True, window="alternate"),
    "gemma3": Family(norms=4, qk_norm="head", tied=True, window="pattern"),
    "gemma3_text": Family(norms=4, qk_norm="head", tied=True, window="pattern"),
    "phi": Family(
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        gated=False,
        norms=1,
        norm_bias=True,
        head_bias=True,
        window="none",
    ),
    "phi3": Family(),
    "phimoe": Family(qkv_bias=True, out_bias=True, norm_bias=True, head_bias=True),
    "gpt_oss": Family(
        qkv_bias=True, out_bias=True, window="alternate", sinks=True, expert_bias=True, router_bias=True
    ),
    "deepseek_v2": Family(window="none"),
    "deepseek_v3": Family(window="none", router_bias=True),
    "llama4_text": Family(window="chunks", plain_attention=True),
    "falcon": Family(gated=False, norm_bias=True, norms=1, tied=True, window="none"),
    "gpt_neox": Family(
        qkv_bias=True, out_bias=True, mlp_bias=True, gated=False, norm_bias=True, window="none"
    ),
    "gpt2": Family(**{**_BIASED.__dict__, "learned_positions": 0}),
    "opt": Family(**{**_BIASED.__dict__, "learned_positions": 2}),
    "bloom": Family(**{**_BIASED.__dict__, "embedding_norm": True}),
    "starcoder2": Family(qkv_bias=True, out_bias=True, mlp_bias=True, gated=False, norm_bias=True, tied=True),
    "cohere": Family(norms=1, tied=True, window="none"),
    "cohere2": Family(norms=1, tied=True, window="pattern"),
    "olmo2": Family(qk_norm="full", window="none"),
    "glm4": Family(qkv_bias=True, norms=4, window="none"),
}
# Wrappers around a text model and a vision tower.
_WRAPPERS = ("mistral3", "llava", "llava_next", "gemma3", "llama4", "kimi_vl", "qwen2_vl", "qwen2_5_vl")


@dataclass(frozen=True)
class _Shape:
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


def from_config(config: Config, name: str, *, fallback: bool = False) -> Architecture:
    """The architecture that a config.json describes.

    An unknown model_type is an InputError that names the fields that are missing; with `fallback` it is read
    as a plain gated decoder, its `uncertainty` says how far the count may be off.
    """
    text = _text_config(config)
    kind = str(text.get("model_type") or config.get("model_type") or "")
    family, uncertainty, assumptions = _family(kind, text, fallback)
    shape = _shape(text, config, family, kind)
    vision, guessed = vision_parameters(config, shape.hidden)
    if guessed:
        assumptions = (*assumptions, guessed)
    return Architecture(
        name=name,
        family=str(config.get("model_type") or kind),
        layers=shape.layers,
        hidden=shape.hidden,
        heads=shape.heads,
        kv_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        intermediate=shape.intermediate,
        vocab=shape.vocab,
        max_positions=shape.positions,
        tied=shape.tied,
        moe=_moe(shape),
        kv_groups=_kv_groups(shape),
        parameters=_parameters(shape, vision),
        dtype=str(_get(text, "torch_dtype") or _get(config, "torch_dtype") or "bfloat16"),
        softcap=bool(text.get("attn_logit_softcapping")),
        checkpoint_quantization=checkpoint_quantization(config),
        uncertainty=uncertainty,
        assumptions=assumptions,
    )


def checkpoint_quantization(config: Config) -> str | None:
    """Name of the quantization that config.json declares, as the catalogue spells it; None when 16 bit."""
    declared = config.get("quantization_config") or _text_config(config).get("quantization_config")
    if not isinstance(declared, Mapping):
        return None
    method = str(declared.get("quant_method", "")).lower()
    bits = int(declared.get("bits") or declared.get("w_bit") or 4)
    named: dict[str, Callable[[], str]] = {
        "fp8": lambda: "fp8-block" if declared.get("weight_block_size") else "fp8",
        "fbgemm_fp8": lambda: "fp8",
        "gptq": lambda: "gptq-int8" if bits == 8 else "gptq-int4",
        "awq": lambda: "awq-int4",
        "mxfp4": lambda: "mxfp4",
        "modelopt": lambda: "nvfp4" if "FP4" in str(declared.get("quant_algo", "")).upper() else "fp8",
        "compressed-tensors": lambda: _compressed_tensors(declared),
        "bitsandbytes": lambda: _bitsandbytes(declared),
    }
    return named[method]() if method in named else None


def _compressed_tensors(declared: Config) -> str:
    groups = declared.get("config_groups") or {}
    group: Config = next(iter(groups.values()), {}) if isinstance(groups, Mapping) else {}
    weights = group.get("weights") or {}
    bits, kind = int(weights.get("num_bits") or 8), str(weights.get("type") or "int")
    if kind == "float":
        return "nvfp4" if bits == 4 else ("fp8-block" if weights.get("strategy") == "block" else "fp8")
    if bits == 4:
        return "w4a16"
    return "w8a8-int8" if group.get("input_activations") else "w8a16"


def _bitsandbytes(declared: Config) -> str:
    if declared.get("load_in_8bit"):
        return "int8"
    return "bnb-nf4-dq" if declared.get("bnb_4bit_use_double_quant") else "bnb-nf4"


def _get(config: Config, key: str) -> Any:  # noqa: ANN401 - JSON
    """A field under its present or an older name."""
    return next((config[k] for k in (key, *_SYNONYMS.get(key, ())) if config.get(k) is not None), None)


def _text_config(config: Config) -> Config:
    nested = config.get("text_config") or config.get("llm_config") or config.get("language_config")
    return nested if isinstance(nested, Mapping) else config


def _family(kind: str, text: Config, fallback: bool) -> tuple[Family, float, tuple[str, ...]]:
    missing = [key for key in _REQUIRED if _get(text, key) is None]
    if missing:
        raise InputError("config.json", kind or "(no model_type)", f"It lacks {', '.join(missing)}.")
    if kind in FAMILIES:
        return FAMILIES[kind], 0.0, ()
    lacking = [k for k in ("num_key_value_heads", "head_dim", "intermediate_size") if _get(text, k) is None]
    if not fallback:
        said = f"It does not say {', '.join(lacking)}. " if lacking else ""
        raise InputError(
            "model_type",
            kind,
            f"Unknown architecture: biases, norms and the kinds of its layers are not known. {said}"
            "Count it as a plain gated decoder with --fallback, accurate to about "
            f"{_GENERIC_UNCERTAINTY:.0%}.",
        )
    return (
        Family(),
        _GENERIC_UNCERTAINTY,
        (f"model_type {kind!r} is unknown: counted as a gated decoder without biases",),
    )


def _shape(text: Config, config: Config, family: Family, kind: str) -> _Shape:
    hidden, heads = int(_get(text, "hidden_size")), int(_get(text, "num_attention_heads"))
    kv_heads = int(_get(text, "num_key_value_heads") or heads)
    if kind == "falcon" and not text.get("new_decoder_architecture"):
        kv_heads = 1 if text.get("multi_query") else heads
    elif kind == "falcon":
        kv_heads = int(text.get("num_kv_heads") or kv_heads)
    tied = text.get("tie_word_embeddings", config.get("tie_word_embeddings"))
    for label, value in (("num_attention_heads", heads), ("num_key_value_heads", kv_heads)):
        if value <= 0 or (label == "num_key_value_heads" and heads % value):
            raise InputError(label, value, f"It must divide the {heads} attention heads.")
    return _Shape(
        config=text,
        family=family,
        hidden=hidden,
        layers=int(_get(text, "num_hidden_layers")),
        heads=heads,
        kv_heads=kv_heads,
        head_dim=int(_get(text, "head_dim") or hidden // heads),
        intermediate=int(_get(text, "intermediate_size") or 4 * hidden),
        vocab=int(_get(text, "vocab_size")),
        positions=int(_get(text, "max_position_embeddings") or 2048),
        tied=family.tied if tied is None else bool(tied),
    )


def _moe(shape: _Shape) -> Moe | None:
    config = shape.config
    experts = int(_get(config, "num_experts") or 0)
    if experts <= 1:
        return None
    inner = int(config.get("moe_intermediate_size") or shape.intermediate)
    shared = int(config.get("n_shared_experts") or 0)
    if config.get("shared_expert_intermediate_size"):
        shared = -(-int(config["shared_expert_intermediate_size"]) // inner)
    if config.get("interleave_moe_layer_step"):
        shared = 1  # Llama 4: one shared expert in every sparse layer.
    topk = int(config.get("num_experts_per_tok") or config.get("moe_topk") or 1)
    return Moe(experts=experts, topk=topk, intermediate=inner, shared=shared)


def sparse_layers(config: Config, layers: int) -> int:
    """How many layers have routed experts."""
    step = int(config.get("decoder_sparse_step") or config.get("interleave_moe_layer_step") or 1)
    dense = int(config.get("first_k_dense_replace") or 0)
    only_mlp = set(config.get("mlp_only_layers") or ())
    return sum(1 for i in range(layers) if i >= dense and (i + 1) % step == 0 and i not in only_mlp)


def _layer_kinds(shape: _Shape) -> list[tuple[CacheKind, int | None]]:
    """Kind of cache and window of every layer."""
    config, window = shape.config, shape.config.get("sliding_window")
    if config.get("kv_lora_rank"):
        return [("mla", None)] * shape.layers
    if types := config.get("layer_types"):
        named: dict[str, tuple[CacheKind, int | None]] = {
            "full_attention": ("full", None),
            "sliding_attention": ("sliding", window),
            "chunked_attention": ("chunked", config.get("attention_chunk_size")),
            "linear_attention": ("state", None),
        }
        return [named.get(kind, ("full", None)) for kind in types]
    if interval := config.get("full_attention_interval"):
        return [("state" if (i + 1) % interval else "full", None) for i in range(shape.layers)]
    return [_layer_kind(shape, i, window) for i in range(shape.layers)]


def _layer_kind(shape: _Shape, index: int, window: int | None) -> tuple[CacheKind, int | None]:
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


def _kv_groups(shape: _Shape) -> tuple[KvGroup, ...]:
    counted = Counter(_layer_kinds(shape))
    groups = []
    for (kind, window), layers in counted.items():
        key = value = shape.head_dim
        heads, state = shape.kv_heads, 0
        if kind == "mla":
            key, value, heads = shape.config["kv_lora_rank"] + shape.config["qk_rope_head_dim"], 0, 1
        if kind == "state":
            key, value, heads, state = 0, 0, 0, _state_bytes(shape)
        groups.append(KvGroup(kind, layers, heads, key, value, window, state))
    return tuple(groups)


def _state_bytes(shape: _Shape) -> int:
    """Convolution and recurrent state of a gated delta-net layer, of one sequence on one GPU, 2 bytes each."""
    keys, values = _delta_dims(shape.config)
    conv = (2 * keys + values) * (int(shape.config["linear_conv_kernel_dim"]) - 1)
    recurrent = int(shape.config["linear_num_value_heads"]) * (
        int(shape.config["linear_key_head_dim"]) * int(shape.config["linear_value_head_dim"])
    )
    return 2 * (conv + recurrent)


def _delta_dims(config: Config) -> tuple[int, int]:
    keys = int(config["linear_num_key_heads"]) * int(config["linear_key_head_dim"])
    return keys, int(config["linear_num_value_heads"]) * int(config["linear_value_head_dim"])


def _parameters(shape: _Shape, vision: int) -> Parameters:
    family, hidden = shape.family, shape.hidden
    state_layers = sum(1 for kind, _ in _layer_kinds(shape) if kind == "state")
    attention, attention_other = _attention(shape)
    state, state_other = _delta_net(shape) if state_layers else (0, 0)
    mlp, experts, mlp_other = _feed_forward(shape)
    full_layers = shape.layers - state_layers
    width = 2 if family.norm_bias else 1
    norms = (_norms(shape) * shape.layers + 1 + family.embedding_norm) * hidden * width
    learned = family.learned_positions
    positions = 0 if learned is None else (shape.positions + learned) * hidden
    return Parameters(
        embedding=shape.vocab * hidden + positions,
        head=0 if shape.tied else shape.vocab * hidden,
        linear=attention * full_layers + state * state_layers + mlp,
        experts=experts,
        other=norms
        + attention_other * full_layers
        + state_other * state_layers
        + mlp_other
        + (shape.vocab if family.head_bias else 0),
        vision=vision,
        **_placement(shape, full_layers),
    )


def _placement(shape: _Shape, attention_layers: int) -> dict[str, int]:
    """How the linear weights lie on tensor-parallel ranks, and what a rank holds beside the parameters."""
    config, hidden = shape.config, shape.hidden
    if not config.get("kv_lora_rank"):
        keys = 2 * hidden * shape.kv_heads * shape.head_dim * attention_layers
        attention = _attention(shape)[0] * attention_layers if shape.family.plain_attention else 0
        return {"key_value": keys, "rope": _rope(shape), "plain": attention}
    rank, rope = int(config["kv_lora_rank"]), int(config["qk_rope_head_dim"])
    heads = shape.heads * (int(config["qk_nope_head_dim"]) + int(config["v_head_dim"]))
    latent = hidden * (rank + rope + int(config.get("q_lora_rank") or 0))
    return {
        "replicated": latent * shape.layers,
        "absorbed": rank * heads * shape.layers,
        "rope": shape.positions * rope,
    }


def _rope(shape: _Shape) -> int:
    """Positions x rotated width; models with a local and a global base hold two tables."""
    if shape.family.learned_positions is not None or shape.family.embedding_norm:
        return 0
    width = int(shape.head_dim * float(shape.config.get("partial_rotary_factor") or 1.0))
    tables = 2 if shape.family.window == "pattern" and shape.config.get("sliding_window") else 1
    return shape.positions * width * tables


def _norms(shape: _Shape) -> int:
    if shape.config.get("model_type") == "falcon" and shape.config.get("new_decoder_architecture"):
        return 2
    return shape.family.norms


def _attention(shape: _Shape) -> tuple[int, int]:
    """Weights of the projections of one attention layer; its biases, norms and sinks."""
    config, family, hidden = shape.config, shape.family, shape.hidden
    if config.get("kv_lora_rank"):
        return _latent_attention(shape)
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    projected = queries * 2 if family.gate_in_query else queries
    weights = hidden * (projected + 2 * keys) + queries * hidden
    other = 0
    if config.get("attention_bias", family.qkv_bias) or family.qkv_bias:
        other += queries + 2 * keys
    if family.out_bias:
        other += hidden
    if family.qk_norm == "head":
        other += 2 * shape.head_dim
    elif family.qk_norm == "full":
        other += queries + keys
    return weights, other + (shape.heads if family.sinks else 0)


def _latent_attention(shape: _Shape) -> tuple[int, int]:
    config, hidden, heads = shape.config, shape.hidden, shape.heads
    rank, rope = int(config["kv_lora_rank"]), int(config["qk_rope_head_dim"])
    nope, value = int(config["qk_nope_head_dim"]), int(config["v_head_dim"])
    low = int(config.get("q_lora_rank") or 0)
    queries = heads * (nope + rope)
    query = hidden * low + low * queries if low else hidden * queries
    weights = query + hidden * (rank + rope) + rank * heads * (nope + value) + heads * value * hidden
    return weights, rank + low


def _delta_net(shape: _Shape) -> tuple[int, int]:
    """Weights of one gated delta-net layer; its convolution, decay and norm."""
    keys, values = _delta_dims(shape.config)
    heads = int(shape.config["linear_num_value_heads"])
    weights = shape.hidden * (2 * keys + 2 * values + 2 * heads) + values * shape.hidden
    conv = (2 * keys + values) * int(shape.config["linear_conv_kernel_dim"])
    return weights, conv + 2 * heads + int(shape.config["linear_value_head_dim"])


def _feed_forward(shape: _Shape) -> tuple[int, int, int]:
    """Dense and shared weights, expert weights, and the rest (routers, biases) of all layers."""
    family, hidden = shape.family, shape.hidden
    matrices = 3 if family.gated else 2
    moe = _moe(shape)
    sparse = sparse_layers(shape.config, shape.layers) if moe else 0
    dense_width = int(shape.config.get("intermediate_size_mlp") or shape.intermediate)
    dense = matrices * hidden * dense_width * (shape.layers - sparse)
    other = (dense_width * (matrices - 1) + hidden) * (shape.layers - sparse) if family.mlp_bias else 0
    if moe is None:
        return dense, 0, other
    shared_width = int(shape.config.get("shared_expert_intermediate_size") or moe.shared * moe.intermediate)
    experts = 3 * hidden * moe.intermediate * moe.experts
    router = hidden * moe.experts + (moe.experts if family.router_bias else 0)
    router += hidden if family.shared_gate else 0
    if family.expert_bias:
        router += moe.experts * (2 * moe.intermediate + hidden)
    shared = 3 * hidden * shared_width
    return dense + shared * sparse, experts * sparse, other + router * sparse
