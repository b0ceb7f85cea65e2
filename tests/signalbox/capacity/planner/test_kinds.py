"""Kinds of serving in a request: what is resolved, what is rejected, and the flags of the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from signalbox.capacity.planner.helm_values import values
from signalbox.capacity.planner.plan import plan
from signalbox.capacity.planner.request import Request
from signalbox.errors import InputError

INSTRUCT = "meta-llama/Llama-3.1-8B-Instruct"
MOE = "Qwen/Qwen3-30B-A3B"
FLAGS = Path(__file__).parents[3] / "data" / "vllm-0.24.0-flags.txt"
KINDS: tuple[dict[str, object], ...] = (
    {"model": INSTRUCT, "gpu": "l40s", "lora_adapters": 2},
    {"model": INSTRUCT, "gpu": "l40s", "speculative": "ngram"},
    {"model": INSTRUCT, "gpu": "l40s", "cpu_offload": 2.5},
    {"model": MOE, "gpu": "2xh100", "tensor_parallel": 1, "data_parallel": 2, "expert_parallel": True},
)


@pytest.mark.parametrize("request_fields", KINDS)
def test_every_flag_is_in_vllms_help(request_fields: dict[str, object]) -> None:
    known = set(FLAGS.read_text(encoding="utf-8").split())
    flags = plan(Request(**request_fields)).flags
    assert {word for word in flags if word.startswith("--")} <= known


@pytest.mark.parametrize("request_fields", KINDS)
def test_what_was_not_measured_is_a_warning_without_a_speed(request_fields: dict[str, object]) -> None:
    answer = plan(Request(**request_fields))
    assert "kinds-derived" in {row.rule for row in answer.warnings}
    assert answer.speed is None


def test_a_plain_plan_has_a_speed_and_no_such_warning() -> None:
    answer = plan(Request(model=INSTRUCT, gpu="l40s"))
    assert "kinds-derived" not in {row.rule for row in answer.warnings}
    assert answer.speed is not None


def test_a_draft_is_served_by_the_name_that_was_typed() -> None:
    draft = "meta-llama/Llama-3.2-1B-Instruct"
    answer = plan(Request(model=INSTRUCT, gpu="l40s", speculative=f"draft:{draft}", speculative_tokens=3))
    expected = {"method": "draft_model", "model": draft, "num_speculative_tokens": 3}
    assert json.loads(answer.speculative) == expected
    assert answer.speculative in answer.flags


def test_memory_of_the_node_is_requested_for_offloaded_weights() -> None:
    answer = plan(
        Request(model="meta-llama/Llama-3.3-70B-Instruct", gpu="l4", engine="llamacpp", gpu_layers="auto")
    )
    body = values(answer)
    assert body["offload"] == {"gpuLayers": answer.gpu_layers}
    limit = int(body["resources"]["limits"]["memory"].removesuffix("Gi"))  # type: ignore[index]
    assert limit >= answer.host_gib + 10


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"lora_rank": 20}, "--lora-rank", "use 32"),
        ({"lora_adapters": 0}, "--lora-adapters", "at least 1"),
        ({"lora_adapters": 1, "engine": "sglang"}, "--lora-adapters", "--engine vllm"),
        ({"model": "deepseek-ai/DeepSeek-V3", "lora_adapters": 1}, "--lora-adapters", "check-boot"),
        ({"speculative": "eagle"}, "--speculative", "ngram"),
        ({"speculative": "draft"}, "--speculative", "draft:MODEL"),
        ({"speculative": "mtp"}, "--speculative", "ngram"),
        ({"speculative_tokens": 3}, "--speculative-tokens", "add it"),
        ({"speculative": "draft:qwen2.5-0.5b"}, "--speculative", "same vocabulary"),
        ({"speculative": "ngram", "engine": "llamacpp"}, "--speculative", "--engine vllm"),
        ({"cpu_offload": -1}, "--cpu-offload-gb", "GiB"),
        ({"gpu_layers": "auto"}, "--gpu-layers", "--engine llamacpp"),
        ({"gpu_layers": "99", "engine": "llamacpp"}, "--gpu-layers", "from 0 to 33"),
        ({"data_parallel": 2}, "--data-parallel", "replicas"),
        ({"expert_parallel": True}, "--expert-parallel", "remove it"),
        ({"model": MOE, "gpu": "1xh100", "data_parallel": 2}, "--data-parallel", "2x"),
    ],
)
def test_what_cannot_be_planned_names_the_option_and_a_remedy(
    fields: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(InputError) as error:
        plan(Request(**{"model": INSTRUCT, "gpu": "l40s", **fields}))
    assert error.value.field == field
    assert words in error.value.hint
