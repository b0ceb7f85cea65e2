"""Traits of model families that are not in their config.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Family:
    """Traits of one model_type."""

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
    rope_tables: int = 1  # tables of rotary positions; vLLM's M-RoPE has four times the positions (mrope.py)
    plain_attention: bool = False  # its quantized checkpoints leave attention in 16 bit


_BIASED = Family(
    qkv_bias=True, out_bias=True, mlp_bias=True, gated=False, norm_bias=True, tied=True, window="none"
)
FAMILIES: dict[str, Family] = {
    "llama": Family(window="none"),
    "mistral": Family(),
    "ministral": Family(),
    "ministral3": Family(),
    "mixtral": Family(),
    "smollm3": Family(tied=True, window="none"),
    "granite": Family(window="none"),
    "granitemoe": Family(window="none"),
    "granitemoehybrid": Family(window="none"),
    "nemotron_h": Family(gated=False, norms=1, window="none", router_bias=True, rope_tables=0),
    "qwen2": Family(qkv_bias=True, window="qwen"),
    "qwen2_vl": Family(qkv_bias=True, window="qwen", rope_tables=4),
    "qwen2_5_vl": Family(qkv_bias=True, window="qwen", rope_tables=4),
    "qwen2_moe": Family(qkv_bias=True, window="qwen", shared_gate=True),
    "qwen3": Family(qk_norm="head", window="qwen"),
    "qwen3_moe": Family(qk_norm="head", window="qwen"),
    "qwen3_next": Family(qk_norm="head", window="none", gate_in_query=True, shared_gate=True),
    "qwen3_vl": Family(qk_norm="head", window="none", rope_tables=4),
    "qwen3_vl_text": Family(qk_norm="head", window="none", rope_tables=4),
    "qwen3_vl_moe": Family(qk_norm="head", window="none", rope_tables=4),
    "qwen3_vl_moe_text": Family(qk_norm="head", window="none", rope_tables=4),
    "qwen3_5": Family(qk_norm="head", window="none", gate_in_query=True, rope_tables=4),
    "qwen3_5_text": Family(qk_norm="head", window="none", gate_in_query=True, rope_tables=4),
    "qwen3_5_moe": Family(qk_norm="head", window="none", gate_in_query=True, shared_gate=True, rope_tables=4),
    "qwen3_5_moe_text": Family(
        qk_norm="head", window="none", gate_in_query=True, shared_gate=True, rope_tables=4
    ),
    "glm4_moe": Family(window="none", router_bias=True),
    "minimax_m2": Family(qk_norm="full", window="none", router_bias=True),
    "kimi_k2": Family(window="none", router_bias=True),
    "gemma": Family(tied=True, window="none"),
    "gemma2": Family(norms=4, tied=True, window="alternate"),
    "gemma3": Family(norms=4, qk_norm="head", tied=True, window="pattern"),
    "gemma3_text": Family(norms=4, qk_norm="head", tied=True, window="pattern"),
    "gemma4": Family(norms=4, qk_norm="head", tied=True, window="pattern"),
    "gemma4_text": Family(norms=4, qk_norm="head", tied=True, window="pattern"),
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
    "deepseek_v32": Family(window="none", router_bias=True),
    "glm_moe_dsa": Family(window="none", router_bias=True),
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

# Keys of a config.json that a plain gated decoder may have; a value of None or false changes nothing either.
PLAIN_KEYS = frozenset(
    (
        *("hidden_size", "n_embd", "d_model", "num_hidden_layers", "n_layer", "n_layers", "num_layers"),
        *("num_attention_heads", "n_head", "n_heads", "num_key_value_heads", "num_kv_heads", "n_head_kv"),
        *("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "head_dim", "vocab_size"),
        *("max_position_embeddings", "n_positions", "seq_length", "max_seq_len", "n_ctx", "hidden_act"),
        *("hidden_activation", "rms_norm_eps", "layer_norm_eps", "norm_eps", "rope_theta", "rope_scaling"),
        *(
            "rope_parameters",
            "rope_type",
            "partial_rotary_factor",
            "tie_word_embeddings",
            "torch_dtype",
            "dtype",
        ),
        *(
            "model_type",
            "architectures",
            "auto_map",
            "transformers_version",
            "use_cache",
            "initializer_range",
        ),
        *(
            "bos_token_id",
            "eos_token_id",
            "pad_token_id",
            "unk_token_id",
            "attention_dropout",
            "hidden_dropout",
        ),
        *("resid_pdrop", "embd_pdrop", "attn_pdrop", "pretraining_tp", "quantization_config", "name_or_path"),
        *(
            "_name_or_path",
            "_attn_implementation",
            "output_attentions",
            "output_hidden_states",
            "return_dict",
        ),
        *("id2label", "label2id", "task_specific_params", "is_decoder", "attention_bias", "mlp_bias"),
        *("sliding_window", "original_max_position_embeddings", "classifier_dropout", "problem_type"),
    )
)
