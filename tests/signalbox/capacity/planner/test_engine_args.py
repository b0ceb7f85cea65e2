"""The engines' arguments: they exist, and they match the plan."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from signalbox.capacity.memory import llamacpp, tgi
from signalbox.capacity.memory.gguf.tables import load_gguf_tables
from signalbox.capacity.planner.checkpoints import Checkpoint
from signalbox.capacity.planner.engine_args import start
from tests.signalbox.capacity.specs import catalogue, spec

INSTRUCT = "meta-llama/Llama-3.1-8B-Instruct"
FILE = Checkpoint("bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M", stored=True)
DATA = Path(__file__).parents[3] / "data"


def value(words: tuple[str, ...], flag: str) -> str | None:
    return words[words.index(flag) + 1] if flag in words else None


def test_every_flag_of_vllm_is_in_its_help() -> None:
    flags = set((DATA / "vllm-0.24.0-flags.txt").read_text(encoding="utf-8").split())
    rows = [row.name for row in catalogue().quantizations if "vllm" in row.engines]
    for quantization, eager in product(rows, (False, True)):
        words = start(
            spec(
                "llama-3.1-8b",
                "a100-80gb",
                quantization,
                tensor_parallel=2,
                pipeline_parallel=2,
                concurrency=8,
                batched_tokens=4096,
                kv_dtype="fp8",
                memory_utilization=0.8,
                eager=eager,
                images=1,
                image_pixels=1003520,
            ),
            Checkpoint("org/name"),
        ).arguments
        assert "--attention-backend" in words
        assert {word for word in words if word.startswith("--")} <= flags


@pytest.mark.parametrize("eager", [False, True])
def test_every_flag_of_sglang_is_in_its_source(eager: bool) -> None:
    flags = set((DATA / "sglang-0.5.18-flags.txt").read_text(encoding="utf-8").split())
    for row in catalogue().quantizations:
        if "sglang" in row.engines:
            limits = {"tensor_parallel": 2, "pipeline_parallel": 2, "concurrency": 8, "batched_tokens": 4096}
            planned = spec(
                "llama-3.1-8b", "h100", row.name, "sglang", kv_dtype="fp8_e4m3", eager=eager, **limits
            )
            words = start(planned, Checkpoint("org/name")).arguments
            assert {word for word in words if word.startswith("--")} <= flags


def test_sglang_starts_with_the_share_that_its_memory_is_planned_for() -> None:
    words = start(spec("llama-3.1-8b", "l4", "fp8", "sglang", context=8192, concurrency=8)).arguments
    assert value(words, "--mem-fraction-static") == "0.77"
    assert value(words, "--quantization") == "fp8"
    assert (value(words, "--context-length"), value(words, "--max-running-requests")) == ("8192", "8")


def test_every_flag_of_llama_server_is_in_its_help() -> None:
    flags = set((DATA / "llama-server-11434-flags.txt").read_text(encoding="utf-8").split())
    planned = spec(INSTRUCT, "l4", "gguf-q4_k_m", "llamacpp", batched_tokens=1024, kv_dtype="q8_0/q4_0")
    for limits in ({}, {"concurrency": 4}):
        words = start(spec(INSTRUCT, "l4", "gguf-q4_k_m", "llamacpp", **limits), FILE).arguments
        assert {word for word in words if word.startswith("--")} <= flags
    words = start(planned, FILE).arguments
    assert {word for word in words if word.startswith("--")} <= flags
    assert (value(words, "--cache-type-k"), value(words, "--cache-type-v")) == ("q8_0", "q4_0")
    assert value(words, "--flash-attn") == "on"  # a quantized value cache needs it


def test_vllm_on_a_t4_runs_in_half() -> None:
    words = start(
        spec("llama-3.1-8b", "t4", "awq", context=8192, concurrency=8),
        Checkpoint("org/name-awq", stored=True),
    ).arguments
    assert words == (
        "org/name-awq",
        *("--dtype", "half", "--max-model-len", "8192", "--gpu-memory-utilization", "0.92"),
        *("--max-num-seqs", "8"),
    )


@pytest.mark.parametrize(
    ("quantization", "method"),
    [("fp8", "fp8"), ("fp8-marlin", "fp8"), ("bnb-nf4", "bitsandbytes"), ("awq", None), ("bf16", None)],
)
def test_only_what_is_quantized_while_loading_is_named_to_vllm(quantization: str, method: str | None) -> None:
    planned = spec("llama-3.1-8b", "l4", quantization)
    assert value(start(planned, Checkpoint("org/name")).arguments, "--quantization") == method


def test_a_checkpoint_that_declares_its_quantization_needs_no_flag() -> None:
    name = "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8"
    words = start(spec(name, "h100", "fp8")).arguments
    assert words[0] == name
    assert "--quantization" not in words


def test_tgi_gets_either_a_dtype_or_a_quantization() -> None:
    plain = start(spec("llama-3.1-8b", "l4", "bf16", "tgi", context=8192)).arguments
    assert (value(plain, "--dtype"), value(plain, "--quantize")) == ("bfloat16", None)
    assert (value(plain, "--max-input-tokens"), value(plain, "--max-total-tokens")) == ("8191", "8192")
    loaded = start(spec("llama-3.1-8b", "l4", "eetq", "tgi")).arguments
    assert (value(loaded, "--dtype"), value(loaded, "--quantize")) == (None, "eetq")
    quantized = spec("llama-3.1-8b", "l4", "awq", "tgi", tensor_parallel=2)
    words = start(quantized, Checkpoint("org/name-awq", stored=True)).arguments
    assert (value(words, "--dtype"), value(words, "--quantize")) == (None, None)  # its config.json names it
    assert value(words, "--num-shard") == "2"
    assert value(words, "--max-batch-prefill-tokens") == str(tgi.prefill_tokens(quantized))


def test_llama_server_gets_the_planned_slots() -> None:
    planned = spec(INSTRUCT, "l4", "gguf-q8_0", "llamacpp", context=32768, concurrency=16)
    words = start(planned, FILE).arguments
    slots = llamacpp.planned_slots(planned, load_gguf_tables())
    assert (value(words, "--ctx-size"), value(words, "--parallel")) == (str(slots.cells), str(slots.count))
    assert value(words, "--n-gpu-layers") == "999"


def test_ollama_and_nim_are_configured_by_their_environment() -> None:
    ollama = start(
        spec(
            "llama-3.1-8b",
            "l4",
            "gguf-q4_k_m",
            "ollama",
            concurrency=2,
            kv_dtype="q8_0",
            memory_utilization=0.9,
        )
    )
    assert ollama.arguments == ("serve",)
    assert ollama.environment["OLLAMA_CONTEXT_LENGTH"] == "4096"
    assert ollama.environment["OLLAMA_NUM_PARALLEL"] == "2"
    assert ollama.environment["OLLAMA_KV_CACHE_TYPE"] == "q8_0"
    overhead = int(ollama.environment["OLLAMA_GPU_OVERHEAD"])
    assert overhead == pytest.approx(0.1 * catalogue().gpu("l4").total_bytes, abs=1)
    nim = start(spec("llama-3.1-8b", "h100", "fp8", "nim", tensor_parallel=2))
    assert nim.environment["NIM_MAX_MODEL_LEN"] == "4096"
    assert nim.environment["NIM_TENSOR_PARALLEL_SIZE"] == "2"
