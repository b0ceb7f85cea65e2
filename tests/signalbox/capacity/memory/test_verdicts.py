"""Starts that fail for another reason than the cache's size, as engines reported them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signalbox.capacity.memory import budget, open_limit
from signalbox.capacity.memory.activation import limits
from signalbox.capacity.memory.constants import load_constants
from signalbox.capacity.planner.plan import plan
from signalbox.capacity.planner.request import Request
from tests.signalbox.capacity.specs import spec

QWEN_VL = {"version": "0.8.3", "tensor_parallel": 4, "memory_utilization": 0.95, "context": 8192}


def test_more_sequences_than_state_blocks_do_not_start() -> None:
    """Qwen3-Next-80B-FP8 on an RTX PRO 6000: vLLM has 689 blocks, and its default is 1024 sequences."""
    hybrid = spec("qwen3-next-80b", "rtx-pro-6000", "fp8", context=8192)
    memory = budget(hybrid)
    assert not memory.fits
    assert "689 blocks" in memory.reason
    assert "1024 sequences" in memory.reason
    assert budget(replace(hybrid, eager=True)).fits  # without graphs vLLM does not check


def test_the_plan_of_a_hybrid_model_names_a_limit_that_starts() -> None:
    answer = plan(Request(model="qwen3-next-80b", gpu="rtx-pro-6000", quantization="fp8"))
    assert answer.fits
    assert answer.flags[answer.flags.index("--max-num-seqs") + 1] == "512"
    assert any("state block" in note for note in answer.notes)


def test_a_limit_that_starts_and_models_without_a_state_are_left_alone() -> None:
    dense = spec("llama-3.1-8b", "l4", "fp8")
    assert open_limit(dense) == dense
    limit_of_64 = spec("qwen3-next-80b", "rtx-pro-6000", "fp8", concurrency=64)
    assert open_limit(limit_of_64) == limit_of_64


@pytest.mark.parametrize("concurrency", [None, 2])
def test_the_largest_image_counts(concurrency: int | None) -> None:
    """vllm-project/vllm#16570: out of memory with CUDA graphs, started without them."""
    with_images = spec("qwen2.5-vl-72b", "a100-40gb", "bf16", concurrency=concurrency, **QWEN_VL)
    assert not budget(with_images).fits
    assert budget(replace(with_images, eager=True)).fits


def test_smaller_images_and_text_only_leave_more_cache() -> None:
    whole = spec("qwen2.5-vl-7b", "l40s", "bf16", concurrency=16)
    sizes = [
        budget(replace(whole, **change)).kv_bytes
        for change in ({}, {"image_pixels": 1_003_520}, {"images": 0})
    ]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3


@pytest.mark.parametrize(("context", "tokens"), [(4096, 4096), (32768, 32768), (65536, 2048), (1024, 2048)])
def test_before_0_8_a_batch_is_the_context_unless_it_is_chunked(context: int, tokens: int) -> None:
    old = spec("llama-3.1-8b", "h100", "bf16", version="0.7.3", context=context)
    assert (limits(old).tokens, limits(old).sequences) == (tokens, 256)


@pytest.mark.parametrize(("version", "fits"), [("0.14.0", False), ("0.15.0", True)])
def test_online_fp8_before_0_15_loads_16_bits_first(version: str, fits: bool) -> None:
    assert budget(spec("phi-4", "l4", "fp8", version=version, context=2048, concurrency=8)).fits is fits


def test_the_fp8_checkpoint_of_the_largest_llama_keeps_its_attention() -> None:
    """vllm-project/vllm#6746: 57.7520 GB a GPU on 8."""
    model = "meta-llama/Llama-3.1-405B-Instruct-FP8"
    weights = budget(spec(model, "h100", "fp8", tensor_parallel=8)).term("weights")
    assert weights is not None
    assert weights.bytes / 2**30 == pytest.approx(57.75, abs=0.02)


def test_versions_without_a_log_with_stated_limits_are_not_called_measured() -> None:
    versions = load_constants().logged_versions
    assert versions == ("0.13", "0.15", "0.18", "0.19", "0.20", "0.24", "0.30")
