"""TGI's memory: published fits, block sizes, and the direction of each limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signalbox.capacity.memory import budget, tgi
from tests.signalbox.capacity.specs import spec


@pytest.mark.parametrize(
    ("model", "gpu", "quantization", "shards", "fits"),
    [
        ("llama-3.1-8b", "a10g", "bf16", 1, True),
        ("llama-3.1-8b", "l4", "bf16", 1, True),
        ("llama-3.1-70b", "a10g", "bf16", 8, True),
        ("llama-3.1-70b", "l4", "bf16", 8, True),
        ("llama-3.1-70b", "l40s", "bf16", 4, True),
        ("llama-3.1-70b", "a100", "awq-int4", 2, True),
        ("llama-3.1-405b", "h100", "fp8", 8, True),
        ("llama-3.1-405b", "h100", "bnb-nf4", 4, True),
        ("llama-3.1-70b", "a10g", "bf16", 4, False),
        ("llama-3.1-70b", "l40s", "bf16", 2, False),
    ],
)
def test_agrees_with_the_published_matrices(
    model: str, gpu: str, quantization: str, shards: int, fits: bool
) -> None:
    plan = budget(spec(model, gpu, quantization, "tgi", tensor_parallel=shards))
    assert plan.fits is fits
    assert plan.reason


def test_mistral_fills_an_80_gb_gpu() -> None:
    plan = budget(spec("mistralai/Mistral-7B-v0.1", "a100", "fp16", "tgi"))
    used = sum(term.bytes for term in plan.terms if term.name != "reserve")
    assert used > 0.8 * plan.total_bytes  # TGI's issue 1863: it uses all memory


def test_blocks_follow_the_attention() -> None:
    assert tgi.block_tokens(spec("llama-3.1-8b", "l4", "bf16", "tgi")) == 1
    assert tgi.block_tokens(spec("llama-3.1-8b", "t4", "fp16", "tgi")) == 16
    assert tgi.block_tokens(spec("phi-3.5-mini", "l4", "bf16", "tgi")) == 256  # heads of 96


def test_a_larger_prefill_leaves_less_cache() -> None:
    small = spec("llama-3.1-8b", "l4", "bf16", "tgi", batched_tokens=2048)
    large = replace(small, batched_tokens=16384)
    assert budget(large).kv_tokens < budget(small).kv_tokens


def test_a_fraction_of_the_gpu_leaves_less_cache() -> None:
    whole = spec("llama-3.1-8b", "l4", "bf16", "tgi")
    part = replace(whole, memory_utilization=0.85)
    assert budget(part).kv_tokens < budget(whole).kv_tokens
    assert budget(replace(whole, memory_utilization=0.5)).kv_bytes < 0


def test_bitsandbytes_captures_no_graphs() -> None:
    plan = budget(spec("llama-3.1-8b", "l4", "bnb-nf4", "tgi"))
    graphs = plan.term("graphs")
    assert graphs is not None
    assert graphs.bytes == 0


def test_terms_add_up_to_the_gpu() -> None:
    plan = budget(spec("llama-3.1-8b", "l4", "bf16", "tgi"))
    assert sum(term.bytes for term in plan.terms) == pytest.approx(plan.total_bytes, abs=16)
