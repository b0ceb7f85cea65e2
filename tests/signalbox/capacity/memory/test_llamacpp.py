"""llama.cpp's memory against llama.cpp's own table and against boots of the real llama-server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.capacity.boot_logs.parse import read_log
from signalbox.capacity.memory import llamacpp
from signalbox.capacity.memory.gguf_weights import bits_per_weight, file_bytes
from signalbox.capacity.spec import GIB
from signalbox.errors import InputError
from tests.signalbox.capacity.specs import catalogue, spec

BOOTS = Path(__file__).parents[3] / "data" / "boots"
MIB = 2**20
SMOL = "HuggingFaceTB/SmolLM2-135M"


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
    assert bits_per_weight(model, kind) == pytest.approx(published, rel=1e-4)


def test_embedding_stays_in_the_hosts_memory_and_the_rest_is_what_a_v100_printed() -> None:
    found = file_bytes(catalogue().model("meta-llama/Meta-Llama-3-8B").architecture, "q4_k_m")
    assert found.embedding / MIB == pytest.approx(281.81, abs=0.01)
    assert (found.layers + found.head) / MIB == pytest.approx(4403.49, abs=0.01)


def test_rows_that_do_not_fill_a_block_take_a_larger_type() -> None:
    found = file_bytes(catalogue().model(SMOL).architecture, "q4_1")  # rows of 576: the head becomes Q8_0
    assert (found.layers + found.head) / MIB == pytest.approx(92.10, abs=0.01)


def test_eight_experts_get_more_bits_in_their_attention() -> None:
    eight = catalogue().model("mixtral-8x7b").architecture
    assert eight.moe is not None
    sixteen = replace(eight, moe=replace(eight.moe, experts=16))
    key_value = eight.parameters.key_value
    projection = eight.layers * eight.heads * eight.head_dim * eight.hidden
    more = key_value / 2 * (8.5 - 4.5) + projection * (5.5 - 4.5)  # keys, and the attention's output
    high = (key_value / 2) * (8.5 - (6.5625 + 4.5) / 2)  # values: half of the layers had Q6_K
    assert file_bytes(eight, "q4_k_m").layers - file_bytes(sixteen, "q4_k_m").layers == pytest.approx(
        (more + high) / 8, rel=1e-3
    )


BOOTED = {
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


@pytest.mark.parametrize("name", BOOTED)
def test_predicts_the_buffers_of_the_real_server(name: str) -> None:
    boot = read_log(BOOTS / f"llama-server-11434-{name}.log")
    asked = spec(SMOL, "l4", "gguf-q4_1", "llamacpp", version="b11434", **BOOTED[name])
    slots = llamacpp.slots_of(asked)
    assert slots.cells == boot.kv_tokens
    assert llamacpp.cache_bytes(asked, slots) == pytest.approx(boot.kv_bytes, rel=2e-3)
    assert llamacpp.compute_bytes(asked, slots) == pytest.approx(boot.activation_bytes, rel=6e-3)


def test_without_flash_attention_the_scores_fill_the_compute_buffer() -> None:
    boot = read_log(BOOTS / "llama-server-11434-c4096-faoff.log")
    asked = spec(SMOL, "l4", "gguf-q4_1", "llamacpp", concurrency=1)
    off = replace(
        asked, engine=replace(asked.engine, version="b6000")
    )  # off by default then, and logits of all rows
    assert boot.activation_bytes is not None
    assert (
        boot.activation_bytes
        <= llamacpp.compute_bytes(off, llamacpp.slots_of(off))
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
def test_ollama_on_a_5090_takes_what_was_measured(model: str, context: int, measured_gib: float) -> None:
    found = llamacpp.budget(spec(model, "rtx-5090", "gguf-q4_k_m", "ollama", context=context))
    taken = sum(term.bytes for term in found.terms if term.name != "reserve") / GIB
    assert taken == pytest.approx(measured_gib, rel=0.06)


def test_fewer_slots_are_planned_where_not_all_fit() -> None:
    asked = spec("llama-3.1-8b", "l4", "gguf-q8_0", "llamacpp", context=32768, concurrency=16)
    found = llamacpp.budget(asked)
    assert found.fits
    assert 1 <= found.max_concurrency < 16
    assert found.kv_tokens == llamacpp.planned_slots(asked).cells


def test_what_does_not_fit_says_how_many_layers_do() -> None:
    asked = spec("llama-3.1-70b", "l4", "gguf-q4_k_m", "llamacpp")
    found = llamacpp.budget(asked)
    assert not found.fits
    assert found.kv_bytes < 0
    assert 0 < llamacpp.gpu_layers(asked) < 80
    assert "-ngl" in found.reason


def test_layers_are_spread_over_gpus() -> None:
    one, two = (spec("llama-3.1-70b", "l40s", "gguf-q4_k_m", "llamacpp", tensor_parallel=n) for n in (1, 2))
    assert llamacpp.budget(two).fits
    assert llamacpp.budget(two).terms[0].bytes < 0.6 * llamacpp.budget(one).terms[0].bytes


def test_windows_are_kept_with_a_micro_batch() -> None:
    long = spec("gemma-2-9b-it", "l4", "gguf-q4_k_m", "llamacpp", context=8192, concurrency=1)
    half = [group for group in long.model.kv_groups if group.kind == "sliding"]
    full = sum(group.layers for group in long.model.kv_groups if group.kind == "full")
    layer = 2 * long.model.kv_heads * long.model.head_dim * 2
    expected = layer * (full * 8192 + half[0].layers * (4096 + 512))
    assert llamacpp.cache_bytes(long, llamacpp.slots_of(long)) == expected


def test_without_a_gpu_the_host_holds_file_cache_and_buffers() -> None:
    asked = spec(SMOL, "l4", "gguf-q4_1", "llamacpp", concurrency=1)
    assert llamacpp.host_bytes(asked) / MIB == pytest.approx(92.10 + 90 + 18.64 + 0.19, abs=0.1)
    assert llamacpp.host_bytes(asked, gpu_layers=30) < llamacpp.host_bytes(asked)


def test_unknown_cache_type_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="q8_0"):
        llamacpp.cache_bits("fp7")


@settings(max_examples=60, deadline=None)
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
        assert llamacpp.cache_bytes(larger, llamacpp.slots_of(larger)) > llamacpp.cache_bytes(
            small, llamacpp.slots_of(small)
        )
    if llamacpp.budget(small).fits:
        big = replace(small, gpu=catalogue().gpu("h100"))
        assert llamacpp.budget(big).fits
        assert llamacpp.budget(big).kv_tokens >= llamacpp.budget(small).kv_tokens
