"""Parameter counts by kind, and their placement on tensor-parallel ranks."""

from __future__ import annotations

from dataclasses import replace

from signalbox.capacity.models.families.gemma4 import gemma4_parameters, is_gemma4
from signalbox.capacity.models.families.mamba import layer_letters, letter_parameters, mamba_of
from signalbox.capacity.models.layers import delta_dims, layer_kinds
from signalbox.capacity.models.shape import Shape, moe_of, sparse_layers
from signalbox.capacity.models.unquantized import unquantized
from signalbox.capacity.spec import Parameters


def parameters(shape: Shape, vision: int) -> Parameters:
    """All parameters of a model; `vision` is the count of its vision tower."""
    family, hidden = shape.family, shape.hidden
    if is_gemma4(shape.config):
        return gemma4_parameters(shape, vision)
    if letters := layer_letters(shape.config):
        return replace(letter_parameters(shape, letters), vision=vision)
    state_layers = sum(1 for kind, _ in layer_kinds(shape) if kind == "state")
    attention, attention_other = _attention(shape)
    state, state_other = _state_layer(shape) if state_layers else (0, 0)
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


def with_unquantized(counts: Parameters, shape: Shape, entries: tuple[str, ...]) -> Parameters:
    """The counts with the linear weights that a checkpoint's list leaves in 16 bits."""
    if not entries or mamba_of(shape.config) is not None or is_gemma4(shape.config):
        return counts  # the modules of these families have other names; their headers are exact (hf:)
    return replace(counts, plain=max(counts.plain, unquantized(shape, entries)))


def _placement(shape: Shape, attention_layers: int) -> dict[str, int]:
    """Placement of the linear weights on tensor-parallel ranks, and the tables that a rank has in addition."""
    config, hidden = shape.config, shape.hidden
    if not config.get("kv_lora_rank"):
        keys = 2 * hidden * shape.kv_heads * shape.head_dim * attention_layers
        attention = _attention(shape)[0] * attention_layers if shape.family.plain_attention else 0
        return {"key_value": keys, "rope": _rope(shape), "plain": attention}
    rank, rope = int(config["kv_lora_rank"]), int(config["qk_rope_head_dim"])
    heads = expanded_width(shape)
    latent = hidden * (rank + rope + int(config.get("q_lora_rank") or 0))
    return {
        "replicated": (latent + _indexer(shape)[0]) * shape.layers,
        "absorbed": rank * heads * shape.layers,
        "rope": shape.positions * rope,
    }


def expanded_width(shape: Shape) -> int:
    """Keys and values of all heads that one latent expands to; 0 without latent attention."""
    config = shape.config
    if not config.get("kv_lora_rank"):
        return 0
    return shape.heads * (int(config["qk_nope_head_dim"]) + int(config["v_head_dim"]))


def _rope(shape: Shape) -> int:
    """Positions x rotated width; models with a local and a global base have two tables."""
    if shape.family.learned_positions is not None or shape.family.embedding_norm:
        return 0
    if shape.config.get("position_embedding_type") == "nope":
        return 0
    width = int(shape.head_dim * float(shape.config.get("partial_rotary_factor") or 1.0))
    tables = shape.family.rope_tables
    if shape.family.window == "pattern" and shape.config.get("sliding_window"):
        tables = 2
    return shape.positions * width * tables


def _norms(shape: Shape) -> int:
    if shape.config.get("model_type") == "falcon" and shape.config.get("new_decoder_architecture"):
        return 2
    return shape.family.norms


def _attention(shape: Shape) -> tuple[int, int]:
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


def _latent_attention(shape: Shape) -> tuple[int, int]:
    config, hidden, heads = shape.config, shape.hidden, shape.heads
    rank, rope = int(config["kv_lora_rank"]), int(config["qk_rope_head_dim"])
    nope, value = int(config["qk_nope_head_dim"]), int(config["v_head_dim"])
    low = int(config.get("q_lora_rank") or 0)
    queries = heads * (nope + rope)
    query = hidden * low + low * queries if low else hidden * queries
    weights = query + hidden * (rank + rope) + rank * heads * (nope + value) + heads * value * hidden
    index, index_other = _indexer(shape)
    return weights + index, rank + low + index_other


def _indexer(shape: Shape) -> tuple[int, int]:
    """Weights of the sparse attention's indexer on every rank, and the part that stays in 16 bits (deepseek_v2.py)."""
    config = shape.config
    if not config.get("index_topk"):
        return 0, 0
    heads, size = int(config["index_n_heads"]), int(config["index_head_dim"])
    return int(config["q_lora_rank"]) * heads * size, shape.hidden * (size + heads) + 2 * size


def _state_layer(shape: Shape) -> tuple[int, int]:
    mamba = mamba_of(shape.config)
    return _delta_net(shape) if mamba is None else mamba.weights(shape.hidden)


def _delta_net(shape: Shape) -> tuple[int, int]:
    """Weights of one gated delta-net layer; its convolution, decay and norm."""
    keys, values = delta_dims(shape.config)
    heads = int(shape.config["linear_num_value_heads"])
    weights = shape.hidden * (2 * keys + 2 * values + 2 * heads) + values * shape.hidden
    conv = (2 * keys + values) * int(shape.config["linear_conv_kernel_dim"])
    return weights, conv + 2 * heads + int(shape.config["linear_value_head_dim"])


def _feed_forward(shape: Shape) -> tuple[int, int, int]:
    """Dense and shared weights, expert weights, and the rest (routers, biases) of all layers."""
    family, hidden = shape.family, shape.hidden
    matrices = 3 if family.gated else 2
    moe = moe_of(shape)
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
