"""Encoders: published counts, rows of the catalogue, a plan without a cache, and a reason where no engine serves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from signalbox.capacity.models.architecture import from_config
from signalbox.capacity.planner.plan import plan
from signalbox.capacity.planner.request import Request
from signalbox.capacity.planner.result import Plan
from signalbox.errors import InputError


def shape(kind: str, sizes: tuple[int, ...], positions: int, types: int = 0) -> dict[str, Any]:
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
    fields = dict(zip(names, sizes, strict=True))
    return {
        "model_type": kind,
        **fields,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "torch_dtype": "float32",
    }


BERT = shape("bert", (768, 12, 12, 3072, 30522), 512, 2)
XLM_BASE = shape("xlm-roberta", (768, 12, 12, 3072, 250002), 514, 1)
BGE_M3 = shape("xlm-roberta", (1024, 24, 16, 4096, 250002), 8194, 1)
MODERN = shape("modernbert", (768, 22, 12, 1152, 50368), 8192)


def answer(config: dict[str, Any], folder: Path, **fields: Any) -> Plan:
    path = folder / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return plan(Request(**{"model": "BAAI/bge-m3", "config": path, "gpu": "l4", **fields}))


@pytest.mark.parametrize(
    ("config", "published"),
    [(BERT, 109_482_240), (XLM_BASE, 278_043_648), (BGE_M3, 567_754_752), (MODERN, 149_014_272)],
    ids=["bert-base", "xlm-roberta-base", "bge-m3", "modernbert-base"],
)
def test_the_counts_are_the_published_ones(config: dict[str, Any], published: int) -> None:
    assert from_config(config, "a").parameters.total == published


@pytest.mark.parametrize(
    ("config", "name", "labels", "added"),
    [
        (BERT, "BertForSequenceClassification", 3, 3 * 769),  # the pooling layer stays
        (BGE_M3, "XLMRobertaForSequenceClassification", 1, 1025),  # bge-reranker-v2-m3 is 567,755,777
        (MODERN, "ModernBertForSequenceClassification", 2, 768 * 768 + 768 + 2 * 769),
    ],
    ids=["bert", "xlm-roberta", "modernbert"],
)
def test_a_classifier_has_a_layer_and_its_labels(
    config: dict[str, Any], name: str, labels: int, added: int
) -> None:
    names = {str(label): "" for label in range(labels)}
    classifier = from_config({**config, "architectures": [name], "id2label": names}, "a")
    assert classifier.parameters.total - from_config(config, "a").parameters.total == added


def test_a_class_that_vllm_does_not_have_is_a_note() -> None:
    assert from_config({**BERT, "architectures": ["BertModel"]}, "a").assumptions == ()
    (note,) = from_config({**BERT, "architectures": ["BertForMaskedLM"]}, "a").assumptions
    assert "no class BertForMaskedLM" in note


@pytest.mark.parametrize(
    ("typed", "served"),
    [
        ("BAAI/bge-m3", "BAAI/bge-m3"),
        ("bge-reranker-v2-m3", "BAAI/bge-reranker-v2-m3"),
        ("multilingual-e5-large", "intfloat/multilingual-e5-large"),
        ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"),
        ("ModernBERT-large", "answerdotai/ModernBERT-large"),
    ],
)
def test_an_encoder_of_the_catalogue_is_planned_by_its_name(typed: str, served: str) -> None:
    result = plan(Request(model=typed, gpu="l4"))
    assert result.fits
    assert (result.flags[0], result.kv_tokens) == (served, 0)
    assert result.flags[result.flags.index("--runner") + 1] == "pooling"


def test_texts_beyond_one_step_wait_for_the_batch_and_not_for_a_cache() -> None:
    (waiting,) = (
        row
        for row in plan(Request(model="bge-m3", gpu="l4", concurrency=32)).warnings
        if row.rule == "requests-wait"
    )
    assert waiting.reason == "one step reads 1 full-length text, not 32; the others queue"
    larger = plan(Request(model="bge-m3", gpu="l4", concurrency=32, batched_tokens=32 * 8192))
    assert larger.fits
    assert "requests-wait" not in {row.rule for row in larger.warnings}


def test_robertas_positions_start_behind_the_padding() -> None:
    assert from_config(BGE_M3, "a").max_positions == 8192
    assert from_config(BERT, "a").max_positions == 512


def test_an_encoder_has_weights_and_activation_and_no_cache(tmp_path: Path) -> None:
    result = answer(BGE_M3, tmp_path)
    assert result.fits
    assert (result.kv_tokens, result.kv_gib, result.kv_bytes_per_token) == (0, 0.0, 0.0)
    assert result.weights_gib == pytest.approx(567_754_752 * 2 / 2**30, rel=0.01)
    assert result.combinations == ()
    assert "an encoder has no KV cache" in result.reason


def test_the_command_names_the_pooling_runner(tmp_path: Path) -> None:
    flags = answer(BGE_M3, tmp_path).flags
    assert flags[flags.index("--runner") + 1] == "pooling"


def test_a_step_holds_whole_texts(tmp_path: Path) -> None:
    assert answer(BGE_M3, tmp_path, context=512).max_concurrency == 2048 // 512
    assert answer(BGE_M3, tmp_path, context=8192).max_concurrency == 1
    short = answer(BGE_M3, tmp_path, context=8192, batched_tokens=4096)
    assert not short.fits
    assert "A step of 4096 tokens is shorter than a text of 8192" in short.reason


def test_a_decoder_that_embeds_loads_no_head_and_keeps_its_cache() -> None:
    text, embeddings = (
        plan(Request(model="qwen3-8b", gpu="l40s", pooling=pooling)) for pooling in (False, True)
    )
    assert text.weights_gib - embeddings.weights_gib == pytest.approx(151936 * 4096 * 2 / 2**30, rel=0.01)
    assert embeddings.kv_bytes_per_token == text.kv_bytes_per_token


@pytest.mark.parametrize("engine", ["sglang", "tgi", "llamacpp"])
def test_engines_that_generate_text_only_are_rejected(engine: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is an encoder") as error:
        answer(BGE_M3, tmp_path, engine=engine)
    assert error.value.hint == "use `--engine vllm`"


def test_an_encoder_without_a_class_in_vllm_is_rejected_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no class for the encoder `deberta-v2`"):
        answer({**BERT, "model_type": "deberta-v2"}, tmp_path)


def test_a_missing_size_is_named() -> None:
    with pytest.raises(InputError, match="has no intermediate_size"):
        from_config({key: value for key, value in BERT.items() if key != "intermediate_size"}, "a")
