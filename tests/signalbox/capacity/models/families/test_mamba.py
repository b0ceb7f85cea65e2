"""Mamba-2 hybrids: layers by letter, states, and weights as vLLM loaded them on an H200."""

import pytest

from signalbox.capacity.models.architecture import from_config
from signalbox.capacity.models.families.mamba import layer_letters, mamba_of
from signalbox.errors import InputError
from tests.signalbox.capacity.specs import catalogue

GIB = 2**30
NEMOTRON = catalogue().model("nemotron-h-8b").config
GRANITE = catalogue().model("granite-4.0-h-tiny").config


@pytest.mark.parametrize(("config", "gib"), [(NEMOTRON, 15.1125), (GRANITE, 12.926)])
def test_weights_are_those_of_the_boots(config, gib):
    """tools/capacity/data/boots-vllm-0.24.0.jsonl."""
    assert from_config(config, "x").parameters.total * 2 / GIB == pytest.approx(gib, rel=0.002)


def test_states_and_attention_are_separate_groups():
    groups = {group.kind: group for group in from_config(NEMOTRON, "x").kv_groups}
    assert (groups["state"].layers, groups["full"].layers) == (24, 4)
    # Convolution of 10,240 channels in 16 bits, and 128 heads x 64 x 128 numbers in 32 bits.
    assert groups["state"].state_bytes == 3 * 10240 * 2 + 128 * 64 * 128 * 4
    small = {group.kind: group for group in from_config(GRANITE, "x").kv_groups}
    assert (small["state"].layers, small["full"].layers) == (36, 4)
    assert small["state"].state_bytes == 3 * (3072 + 256) * 2 + 48 * 64 * 128 * 2


def test_layers_are_named_by_a_pattern_or_a_list():
    names = ["mamba", "moe", "attention", "mlp"]
    assert layer_letters({"model_type": "nemotron_h", "layers_block_type": names}) == "ME*-"
    assert layer_letters(GRANITE) is None
    with pytest.raises(InputError, match="unknown layers"):
        layer_letters({"model_type": "nemotron_h", "layers_block_type": ["retention"]})


def test_a_sparse_layer_has_experts_without_gates():
    sparse = {
        **NEMOTRON,
        "hybrid_override_pattern": "ME*",
        "num_hidden_layers": 3,
        "n_routed_experts": 8,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 64,
        "n_shared_experts": 1,
        "moe_shared_expert_intermediate_size": 128,
    }
    parameters = from_config(sparse, "x").parameters
    assert parameters.experts == 8 * 2 * 4096 * 64
    latent = from_config({**sparse, "moe_latent_size": 1024}, "x").parameters
    assert latent.experts == 8 * 2 * 1024 * 64
    assert latent.linear - parameters.linear == 2 * 4096 * 1024


def test_a_model_without_mamba_layers_has_no_mixer():
    assert mamba_of(catalogue().model("llama-3.1-8b").config) is None


def test_the_recurrent_state_of_qwen3_5_is_in_32_bits_where_its_config_says_so():
    config = catalogue().model("qwen3.5-9b").config
    text = dict(config["text_config"])
    text.pop("mamba_ssm_dtype", None)
    sizes = [
        max(group.state_bytes for group in from_config({**config, "text_config": one}, "x").kv_groups)
        for one in (text, {**text, "mamba_ssm_dtype": "float32"})
    ]
    assert sizes[1] > 1.9 * sizes[0]
