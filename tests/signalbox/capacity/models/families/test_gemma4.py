"""Gemma 4: two head sizes, caches that layers share, embeddings for each layer, and a mixture next to the dense part."""

import pytest

from signalbox.capacity.memory.weights import checkpoint_bytes
from signalbox.capacity.models.architecture import from_config
from tests.signalbox.capacity.specs import catalogue

GIB = 2**30
MODELS = {name: catalogue().model(f"gemma-4-{name}-it") for name in ("E2B", "E4B", "26B-A4B", "31B")}


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("E2B", {"sliding": (12, 1, 256, 512), "full": (3, 1, 512, None)}),
        ("E4B", {"sliding": (20, 2, 256, 512), "full": (4, 2, 512, None)}),
        ("26B-A4B", {"sliding": (25, 8, 256, 1024), "full": (5, 2, 512, None)}),
        ("31B", {"sliding": (50, 16, 256, 1024), "full": (10, 4, 512, None)}),
    ],
)
def test_layers_that_share_a_cache_have_none(name, groups):
    found = MODELS[name].architecture.kv_groups
    assert {one.kind: (one.layers, one.kv_heads, one.key_dim, one.window) for one in found} == groups


@pytest.mark.parametrize(("name", "billions"), [("E2B", 5.1), ("E4B", 8.0)])
def test_totals_count_the_embeddings_of_the_layers(name, billions):
    counts = MODELS[name].architecture.parameters
    assert counts.total / 1e9 == pytest.approx(billions, rel=0.01)
    assert MODELS[name].architecture.active_parameters == counts.total - counts.lookup


def test_weights_are_those_of_logs():
    """15.18 GiB and 48.5 GiB with the tables of positions: rows public-gemma-4-e4b-it-32768 and public-a100-gemma-4-*."""
    bf16 = catalogue().quantization("bf16")
    for name, gib in (("E4B", 15.18), ("26B-A4B", 48.5)):
        model = MODELS[name].architecture
        bytes_ = checkpoint_bytes(model, bf16) + 2 * model.parameters.rope
        assert bytes_ / GIB == pytest.approx(gib, rel=0.007)


def test_the_head_sizes_need_no_list_of_layers():
    config = MODELS["31B"].config
    kinds = (["sliding_attention"] * 5 + ["full_attention"]) * 10
    text = {**config["text_config"], "layer_types": kinds}
    assert from_config({**config, "text_config": text}, "x").kv_groups == MODELS["31B"].architecture.kv_groups


def test_a_text_model_has_no_towers():
    config = {**MODELS["E2B"].config, "vision_config": None, "audio_config": None}
    assert from_config(config, "x").parameters.vision == 0
    assert from_config(MODELS["E2B"].config["text_config"], "x").parameters.vision == 0
