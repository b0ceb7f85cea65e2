"""SGLang's memory: its own default share, what fits, and the direction of each limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signalbox.capacity.memory import budget, sglang
from signalbox.capacity.units import MIB
from tests.signalbox.capacity.specs import spec


@pytest.mark.parametrize(
    ("gpu", "tokens", "graph_mib"),
    [
        # server_args.py 0.5.18: 2 MiB for each request and 8 MiB for each of 42, 50, 58 and 74 sizes.
        ("l4", 2048, 2 * 24 + 8 * 42),
        ("a100-40gb", 4096, 2 * 32 + 8 * 50),
        ("h100", 8192, 2 * 256 + 8 * 58),
        ("b200", 16384, 2 * 512 + 8 * 74),
    ],
)
def test_the_reserve_is_sglangs_own_estimate(gpu: str, tokens: int, graph_mib: int) -> None:
    planned = spec("llama-3.1-8b", gpu, "bf16", "sglang")
    plan = budget(planned)
    activation, graphs = plan.term("activation"), plan.term("graphs")
    assert sglang.chunk_tokens(planned) == tokens
    assert activation is not None
    assert activation.bytes == (512 + 1.5 * tokens + 128) * MIB
    assert graphs is not None
    assert graphs.bytes == graph_mib * MIB


@pytest.mark.parametrize("gpu", ["l4", "a10g", "a100-40gb", "l40s", "h100", "h200", "b200"])
@pytest.mark.parametrize("shards", [1, 2, 4, 8])
def test_the_default_share_leaves_room_for_the_reserve(gpu: str, shards: int) -> None:
    plan = budget(spec("llama-3.1-8b", gpu, "bf16", "sglang", tensor_parallel=shards))
    assert plan.fits, plan.reason


@pytest.mark.parametrize(
    ("model", "gpu", "quantization", "shards", "fits"),
    [
        ("llama-3.1-8b", "l4", "fp8", 1, True),
        ("llama-3.1-70b", "h100", "fp8", 2, True),
        ("llama-3.1-70b", "h100", "bf16", 1, False),
        ("llama-3.1-405b", "h100", "bf16", 8, False),
    ],
)
def test_weights_decide_what_fits(model: str, gpu: str, quantization: str, shards: int, fits: bool) -> None:
    plan = budget(spec(model, gpu, quantization, "sglang", tensor_parallel=shards))
    assert plan.fits is fits
    assert plan.reason


def test_a_share_that_leaves_no_room_for_activations_does_not_fit() -> None:
    """SGLang starts and runs out of memory under load: the planner says so before."""
    plan = budget(spec("llama-3.2-1b", "l4", "bf16", "sglang", memory_utilization=0.95))
    assert not plan.fits
    assert "lower the memory utilization from 0.95 to 0.822" in plan.reason


def test_a_smaller_share_leaves_less_cache() -> None:
    whole = spec("llama-3.1-8b", "h100", "bf16", "sglang")
    assert budget(replace(whole, memory_utilization=0.5)).kv_tokens < budget(whole).kv_tokens


def test_a_smaller_chunk_needs_less_activation() -> None:
    small = budget(spec("llama-3.1-8b", "h100", "bf16", "sglang", batched_tokens=2048)).term("activation")
    large = budget(spec("llama-3.1-8b", "h100", "bf16", "sglang")).term("activation")
    assert small is not None
    assert large is not None
    assert small.bytes < large.bytes


def test_stages_hold_a_part_of_the_layers() -> None:
    one = budget(spec("llama-3.1-70b", "h100", "fp8", "sglang"))
    two = budget(spec("llama-3.1-70b", "h100", "fp8", "sglang", pipeline_parallel=2))
    assert two.kv_bytes_per_token == one.kv_bytes_per_token / 2
    assert two.kv_tokens > one.kv_tokens


def test_eager_mode_captures_no_graphs() -> None:
    graphs = budget(spec("llama-3.1-8b", "l4", "fp8", "sglang", eager=True)).term("graphs")
    assert graphs is not None
    assert graphs.bytes == 0


def test_terms_add_up_to_the_gpu() -> None:
    plan = budget(spec("llama-3.1-8b", "l4", "fp8", "sglang"))
    assert sum(term.bytes for term in plan.terms) == pytest.approx(plan.total_bytes, abs=16)
