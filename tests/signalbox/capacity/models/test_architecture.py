"""Architectures: published parameter counts to the last one, kinds of cache, declared quantizations."""

import pytest

from signalbox.capacity.models import catalogue
from signalbox.capacity.models.architecture import from_config
from signalbox.errors import InputError

CATALOGUE = catalogue.load()
PUBLISHED = [row for row in CATALOGUE.models if row.parameters]
LLAMA = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 1000,
    "max_position_embeddings": 512,
}


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row.name)
def test_counts_every_parameter_that_is_published(row):
    assert row.architecture.parameters.total == row.parameters


def test_most_models_have_a_published_count():
    assert len(PUBLISHED) >= 0.8 * len(CATALOGUE.models)


@pytest.mark.parametrize(
    ("name", "active"),
    [
        ("mixtral-8x7b", 12_879_925_248),
        ("qwen3-30b-a3b", 3_353_032_704),
        ("deepseek-v3", 37_552_297_472),
    ],
)
def test_counts_the_parameters_that_one_token_passes(name, active):
    assert CATALOGUE.model(name).architecture.active_parameters == active


def _kinds(name):
    return {(g.kind, g.window): g.layers for g in CATALOGUE.model(name).architecture.kv_groups}


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("llama-3.1-8b", {("full", None): 32}),
        ("mistral-7b-v0.1", {("sliding", 4096): 32}),
        ("mistral-7b", {("full", None): 32}),
        ("qwen2.5-7b", {("full", None): 28}),
        ("gemma-2-9b", {("sliding", 4096): 21, ("full", None): 21}),
        ("gemma-3-27b-it", {("sliding", 1024): 52, ("full", None): 10}),
        ("gemma-3-4b-it", {("sliding", 1024): 29, ("full", None): 5}),
        ("gpt-oss-20b", {("sliding", 128): 12, ("full", None): 12}),
        ("deepseek-v3", {("mla", None): 61}),
        ("llama-4-scout", {("chunked", 8192): 36, ("full", None): 12}),
        ("qwen3-next-80b", {("state", None): 36, ("full", None): 12}),
    ],
)
def test_knows_which_layers_slide(name, kinds):
    assert _kinds(name) == kinds


def test_layer_types_of_a_config_win_over_the_familys_rule():
    config = {
        **LLAMA,
        "model_type": "gemma2",
        "sliding_window": 32,
        "layer_types": ["full_attention", "full_attention"],
    }
    assert [g.kind for g in from_config(config, "x").kv_groups] == ["full"]


@pytest.mark.parametrize(
    ("declaration", "name"),
    [
        ({"quant_method": "fp8"}, "fp8"),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8-block"),
        ({"quant_method": "gptq", "bits": 8}, "gptq-int8"),
        ({"quant_method": "awq", "bits": 4}, "awq-int4"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "int8"),
        ({"quant_method": "bitsandbytes", "bnb_4bit_use_double_quant": True}, "bnb-nf4-dq"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int"}}},
            },
            "w4a16",
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
            },
            "fp8",
        ),
        ({"quant_method": "auto-round", "bits": 4, "packing_format": "auto_round:auto_gptq"}, "gptq-int4"),
        ({"quant_method": "auto-round", "bits": 4, "packing_format": "auto_round:auto_awq"}, "awq-int4"),
        ({"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp8_e4m3"}}}, "fp8"),
        ({"quant_method": "torchao", "quant_type": "float8dq"}, "fp8"),
        ({"quant_method": "torchao", "quant_type": "int8wo"}, "w8a16"),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8"),
    ],
)
def test_reads_the_quantization_that_a_config_declares(declaration, name):
    assert from_config({**LLAMA, "quantization_config": declaration}, "x").checkpoint_quantization == name


def test_a_config_without_sizes_says_which_fields_are_missing():
    with pytest.raises(InputError, match="vocab_size") as caught:
        from_config({"model_type": "llama", "hidden_size": 64}, "x")
    assert "num_hidden_layers" in str(caught.value)
    assert "hidden_size," not in str(caught.value)


@pytest.mark.parametrize(
    ("declaration", "word"),
    [
        ({"quant_method": "something-new"}, "something-new"),
        ({"quant_method": "exl2", "bits": 4.0}, "exl2"),
        ({"quant_method": "hqq"}, "hqq"),
        ({"quant_method": "gptq", "bits": 3}, "`3`"),
        ({"quant_method": "gptq", "bits": 2}, "`2`"),
        ({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}, "MIXED_PRECISION"),
        ({"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp4"}}}, "fp4"),
        ({"quant_method": "torchao", "quant_type": "int4wo"}, "int4wo"),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {
                    "a": {"weights": {"num_bits": 4}},
                    "b": {"weights": {"num_bits": 8, "type": "float"}},
                },
            },
            "fp8 and w4a16",
        ),
    ],
)
def test_a_quantization_that_nothing_covers_is_refused_by_its_name(declaration, word):
    with pytest.raises(InputError) as error:
        from_config({**LLAMA, "quantization_config": declaration}, "x")
    assert word in str(error.value)


def test_groups_of_another_size_change_the_bits():
    declaration = {"quant_method": "gptq", "bits": 4, "group_size": 32}
    assert from_config({**LLAMA, "quantization_config": declaration}, "x").stored_bits == 4 + (16 + 4) / 32
    whole = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    assert from_config({**LLAMA, "quantization_config": whole}, "x").stored_bits is None


@pytest.mark.parametrize(
    ("key", "entries", "share"),
    [
        ("modules_to_not_convert", ["lm_head"], 0),
        ("ignore", ["lm_head", "re:.*self_attn.*"], "attention"),
        ("modules_to_not_convert", ["self_attn"], "attention"),
        ("exclude_modules", ["model.layers.*.self_attn*"], "attention"),
        (
            "ignored_layers",
            [f"model.layers.{i}.self_attn.{p}_proj" for i in range(32) for p in "qkvo"],
            "attention",
        ),
    ],
)
def test_modules_that_a_list_names_stay_in_16_bits(key, entries, share):
    declaration = {"quant_method": "fp8", key: entries}
    parameters = from_config({**LLAMA, "quantization_config": declaration}, "x").parameters
    heads, keys = LLAMA["num_attention_heads"], LLAMA["num_key_value_heads"]
    hidden, layers = LLAMA["hidden_size"], LLAMA["num_hidden_layers"]
    attention = layers * hidden * hidden // heads * (2 * heads + 2 * keys)
    assert parameters.plain == (attention if share == "attention" else 0)


@pytest.mark.parametrize(
    ("kind", "extra", "names"),
    [
        (
            "jamba",
            {"attn_layer_period": 8, "mamba_d_state": 16},
            ("attn_layer_period", "mamba_d_state"),
        ),
        ("kimi_linear", {"linear_attn_config": {"head_dim": 128}}, ("linear_attn_config",)),
    ],
)
def test_fallback_refuses_keys_that_a_plain_decoder_lacks(kind, extra, names):
    with pytest.raises(InputError) as error:
        from_config({**LLAMA, "model_type": kind, **extra}, "x", fallback=True)
    assert all(name in str(error.value) for name in names)


def test_an_unknown_architecture_is_counted_with_fallback_only_and_promises_no_percentage():
    config = {**LLAMA, "model_type": "brand_new"}
    del config["num_key_value_heads"]
    with pytest.raises(InputError, match="num_key_value_heads") as caught:
        from_config(config, "x")
    assert caught.value.value == "'brand_new'"
    architecture = from_config(config, "x", fallback=True)
    assert architecture.guessed
    assert "%" not in caught.value.message + caught.value.hint
    assert "brand_new" in architecture.assumptions[0]
    assert not from_config(LLAMA, "x").guessed


def test_key_value_heads_that_do_not_divide_the_heads_are_an_input_error():
    with pytest.raises(InputError, match="divide"):
        from_config({**LLAMA, "num_key_value_heads": 3}, "x")


def test_an_unknown_vision_tower_is_counted_and_noted():
    tower = {"model_type": "new_tower", "hidden_size": 32, "num_hidden_layers": 1}
    architecture = from_config({"model_type": "llava", "text_config": LLAMA, "vision_config": tower}, "x")
    assert architecture.multimodal
    assert "new_tower" in architecture.assumptions[0]


@pytest.mark.parametrize(
    ("key", "value"),
    [("hidden_size", -64), ("num_hidden_layers", "two"), ("vocab_size", 0), ("head_dim", 1.5)],
)
def test_a_size_that_is_no_count_is_an_input_error(key, value):
    with pytest.raises(InputError, match=rf"{key}.*at least 1"):
        from_config({**LLAMA, key: value}, "odd")
