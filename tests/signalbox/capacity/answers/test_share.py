"""Two models on one GPU: shares that add up, whatever the order, and values for both."""

from __future__ import annotations

import pytest

from signalbox.capacity.answers.share import SharedGpu, share_gpu
from signalbox.capacity.memory.constants import load_constants
from signalbox.capacity.planner.helm_values import values
from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.planner.request import Request
from signalbox.capacity.units import GIB
from signalbox.errors import InputError

LARGE, SMALL = "llama-3.1-8b", "llama-3.2-1b"
PAIRS = [
    (LARGE, SMALL, "l4"),
    (LARGE, "qwen3-8b", "l40s"),
    (SMALL, "qwen2.5-0.5b", "t4"),
    (LARGE, LARGE, "h100"),
]


def shared(model: str, other: str, gpu: str, **fields: object) -> SharedGpu:
    return share_gpu(Request(**{"model": model, "gpu": gpu, **fields}), other, default_catalogue())


@pytest.mark.parametrize(("model", "other", "gpu"), PAIRS)
def test_both_fit_and_leave_room_for_two_contexts(model: str, other: str, gpu: str) -> None:
    plans = shared(model, other, gpu).plans
    assert all(one.fits for one in plans)
    total = plans[0].total_gib
    contexts = 2 * load_constants().context_bytes(shared=False) / GIB
    assert sum(one.memory_utilization for one in plans) * total + contexts <= total


def test_the_order_does_not_change_the_shares() -> None:
    first, second = shared(LARGE, SMALL, "l4").plans, shared(SMALL, LARGE, "l4").plans
    assert [one.memory_utilization for one in first] == [one.memory_utilization for one in reversed(second)]


def test_each_command_has_its_share() -> None:
    for one in shared(LARGE, SMALL, "l4").plans:
        assert one.flags[one.flags.index("--gpu-memory-utilization") + 1] == f"{one.memory_utilization:g}"


def test_what_remains_is_split_between_the_caches() -> None:
    same = shared(LARGE, LARGE, "h100").plans
    assert same[0].kv_tokens == same[1].kv_tokens


def test_the_values_of_both_share_the_gpu_by_time_slicing() -> None:
    for one in shared(LARGE, SMALL, "l4").plans:
        body = values(one)
        assert body["gpu"] == {"product": "L4", "count": 1, "timeSlicing": True}
        assert body["memoryShare"] == one.memory_utilization


def test_the_speed_of_neighbors_is_not_stated() -> None:
    for one in shared(LARGE, SMALL, "l4").plans:
        assert (one.speed, one.costs) == (None, None)
        assert "shared-gpu" in {row.rule for row in one.warnings}


def test_two_models_that_are_too_large_do_not_fit() -> None:
    assert not all(one.fits for one in shared(LARGE, "qwen3-8b", "t4", quantization="fp16").plans)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"gpu": "2xl4"}, "name one GPU"),
        ({"engine": "sglang"}, "--engine vllm"),
        ({"memory_utilization": 0.5}, "remove one"),
    ],
)
def test_what_cannot_be_shared_is_rejected(fields: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as error:
        shared(**{"model": LARGE, "other": SMALL, "gpu": "l4", **fields})  # type: ignore[arg-type]
    assert words in error.value.hint
