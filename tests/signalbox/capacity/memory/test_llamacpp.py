"""llama.cpp's memory against llama.cpp's own table and against boots of the real llama-server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.capacity.boot_logs.parse import read_log
from signalbox.capacity.memory import budget, llamacpp, llamacpp_slots
from signalbox.capacity.memory.gguf.tables import load_gguf_tables
from signalbox.capacity.memory.gguf.weights import file_bytes
from signalbox.capacity.spec import Spec
from signalbox.capacity.units import GIB, MIB
from signalbox.errors import InputError
from tests.signalbox.capacity.specs import catalogue, spec

BOOTS = Path(__file__).parents[3] / "data" / "boots"
SMOL = "HuggingFaceTB/SmolLM2-135M"
TABLES = load_gguf_tables()


@pytest.mark.parametrize(
    ("kind", "published"),
    [
        ("f16", 16.0005),
        ("q8_0", 8.5008),
        ("q6_k", 6.5633),
        ("q5_k_m", 5.7036),
        ("q5_k_s", 5.5704),
        ("q4_k_m", 4.8944),
        ("q4_k_s", 4.6672),
        ("iq4_nl", 4.6818),
        ("iq4_xs", 4.4597),
        ("q3_k_m", 3.9960),
        ("q2_k", 3.1593),
    ],
)
def test_bits_a_weight_are_those_of_llama_cpps_table(kind: str, published: float) -> None:
    model = catalogue().model("llama-3.1-8b").architecture
    file = file_bytes(model, kind, TABLES)
    bits = (file.embedding + file.head + file.layers) * 8
    assert bits / model.parameters.total == pytest.approx(published, rel=1e-4)


def test_embedding_stays_in_the_hosts_memory_and_the_rest_is_what_a_v100_printed() -> None:
    file = file_bytes(catalogue().model("meta-llama/Meta-Llama-3-8B").architecture, "q4_k_m", TABLES)
    assert file.embedding / MIB == pytest.approx(281.81, abs=0.01)
    assert (file.layers + file.head) / MIB == pytest.approx(4403.49, abs=0.01)


def test_rows_that_do_not_fill_a_block_have_a_larger_type() -> None:
    file = file_bytes(
        catalogue().model(SMOL).architecture, "q4_1", TABLES
    )  # rows of 576: the head becomes Q8_0
    assert (file.layers + file.head) / MIB == pytest.approx(92.10, abs=0.01)


def test_eight_experts_get_more_bits_in_their_attention() -> None:
    eight = catalogue().model("mixtral-8x7b").architecture
    assert eight.moe is not None
    sixteen = replace(eight, moe=replace(eight.moe, experts=16))
    key_value = eight.parameters.key_value
    projection = eight.layers * eight.heads * eight.head_dim * eight.hidden
    more = key_value / 2 * (8.5 - 4.5) + projection * (5.5 - 4.5)  # keys, and the attention's output
    high = (key_value / 2) * (8.5 - (6.5625 + 4.5) / 2)  # values: half of the layers had Q6_K
    assert file_bytes(eight, "q4_k_m", TABLES).layers - file_bytes(
        sixteen, "q4_k_m", TABLES
    ).layers == pytest.approx((more + high) / 8, rel=1e-3)


BOOTS_OF_SMOLLM = {
    "c4096-np1": {"context": 4096, "concurrency": 1},
    "c4096-np4": {"context": 1024, "concurrency": 4},
    "c8192-np1": {"context": 8192, "concurrency": 1},
    "c16384-np8": {"context": 2048, "concurrency": 8},
    "c1000-np3": {"context": 334, "concurrency": 3},
    "c4096-ub128": {"context": 4096, "concurrency": 1, "batched_tokens": 128},
    "c4096-ub2048": {"context": 4096, "concurrency": 1, "batched_tokens": 2048},
    "c4096-q8": {"context": 4096, "concurrency": 1, "kv_dtype": "q8_0"},
    "c4096-q4": {"context": 4096, "concurrency": 1, "kv_dtype": "q4_0"},
    "c4096-kq8": {"context": 4096, "concurrency": 1, "kv_dtype": "q8_0/f16"},
    "default": {"context": 8192},
}


@pytest.mark.parametrize("name", BOOTS_OF_SMOLLM)
def test_predicts_the_buffers_of_the_real_server(name: str) -> None:
    boot = read_log(BOOTS / f"llama-server-11434-{name}.log")
    one = spec(SMOL, "l4", "gguf-q4_1", "llamacpp", version="b11434", **BOOTS_OF_SMOLLM[name])
    slots = llamacpp_slots.requested_slots(one, TABLES)
    assert slots.cells == boot.kv_tokens
    assert llamacpp_slots.cache_bytes(one, slots, TABLES) == pytest.approx(boot.kv_bytes, rel=2e-3)
    assert llamacpp.compute_bytes(one, slots, TABLES) == pytest.approx(boot.activation_bytes, rel=6e-3)


def test_without_flash_attention_the_scores_fill_the_compute_buffer() -> None:
    boot = read_log(BOOTS / "llama-server-11434-c4096-faoff.log")
    one = spec(SMOL, "l4", "gguf-q4_1", "llamacpp", concurrency=1)
    off = replace(
        one, engine=replace(one.engine, version="b6000")
    )  # off by default then, and logits of all rows
    assert boot.activation_bytes is not None
    assert (
        boot.activation_bytes
        <= llamacpp.compute_bytes(off, llamacpp_slots.requested_slots(off, TABLES), TABLES)
        <= 1.25 * boot.activation_bytes
    )


@pytest.mark.parametrize(
    ("model", "context", "measured_gib"),
    [
        ("qwen3-32b", 8192, 21.9),
        ("qwen3-32b", 32768, 27.9),
        ("qwen3-14b", 8192, 10.6),
        ("qwen3-14b", 32768, 14.5),
        ("gemma-3-27b-it", 8192, 19.1),
        ("gemma-3-27b-it", 32768, 20.7),
    ],
)
def test_ollama_on_a_5090_needs_the_measured_memory(model: str, context: int, measured_gib: float) -> None:
    plan = budget(spec(model, "rtx-5090", "gguf-q4_k_m", "ollama", context=context))
    total = sum(term.bytes for term in plan.terms if term.name != "reserve") / GIB
    assert total == pytest.approx(measured_gib, rel=0.06)


def test_fewer_slots_are_planned_where_not_all_fit() -> None:
    one = spec("llama-3.1-8b", "l4", "gguf-q8_0", "llamacpp", context=32768, concurrency=16)
    plan = budget(one)
    assert plan.fits
    assert 1 <= plan.max_concurrency < 16
    assert plan.kv_tokens == llamacpp.planned_slots(one, TABLES).cells


def test_a_model_that_does_not_fit_has_a_number_of_layers_that_do() -> None:
    one = spec("llama-3.1-70b", "l4", "gguf-q4_k_m", "llamacpp")
    plan = budget(one)
    assert not plan.fits
    assert plan.kv_bytes < 0
    assert 0 < llamacpp.gpu_layers(one, TABLES) < 80
    assert "--gpu-layers auto" in plan.reason


def test_layers_are_spread_over_gpus() -> None:
    one, two = (spec("llama-3.1-70b", "l40s", "gguf-q4_k_m", "llamacpp", tensor_parallel=n) for n in (1, 2))
    assert budget(two).fits
    assert budget(two).terms[0].bytes < 0.6 * budget(one).terms[0].bytes


def test_windows_are_kept_with_a_micro_batch() -> None:
    long = spec("gemma-2-9b-it", "l4", "gguf-q4_k_m", "llamacpp", context=8192, concurrency=1)
    half = [group for group in long.model.kv_groups if group.kind == "sliding"]
    full = sum(group.layers for group in long.model.kv_groups if group.kind == "full")
    layer = 2 * long.model.kv_heads * long.model.head_dim * 2
    expected = layer * (full * 8192 + half[0].layers * (4096 + 512))
    assert llamacpp_slots.cache_bytes(long, llamacpp_slots.requested_slots(long, TABLES), TABLES) == expected


def test_unknown_cache_type_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="q8_0"):
        llamacpp_slots.cache_bits("fp7", TABLES)


def cache(one: Spec) -> int:
    return llamacpp_slots.cache_bytes(one, llamacpp_slots.requested_slots(one, TABLES), TABLES)


@settings(max_examples=60)
@given(
    context=st.integers(256, 60_000),
    slots=st.integers(1, 16),
    model=st.sampled_from(["llama-3.1-8b", "gemma-2-9b-it", "qwen3-30b-a3b", "gpt-oss-20b"]),
)
def test_memory_grows_with_context_and_slots_and_a_bigger_gpu_never_fits_less(
    context: int, slots: int, model: str
) -> None:
    kind = "gguf-mxfp4" if "oss" in model else "gguf-q4_k_m"
    small = spec(model, "l4", kind, "llamacpp", context=context, concurrency=slots)
    for larger in (replace(small, context=context + 256), replace(small, concurrency=slots + 1)):
        assert cache(larger) > cache(small)
    if budget(small).fits:
        big = replace(small, gpu=catalogue().gpu("h100"))
        assert budget(big).fits
        assert budget(big).kv_tokens >= budget(small).kv_tokens
