"""Kinds of serving on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.signalbox.capacity.cli.test_commands import _state, run  # noqa: F401 - the fixture applies here too

ARGUMENTS = ("--model", "llama-3.1-8b", "--gpu", "l4")


def test_two_models_are_printed_with_a_command_each() -> None:
    result = run(*ARGUMENTS, "--share-with", "llama-3.2-1b")
    assert result.exit_code == 0
    assert result.stdout.count("vllm serve") == 2


def test_two_models_are_one_json_document(tmp_path: Path) -> None:
    target = tmp_path / "values.yaml"
    result = run(*ARGUMENTS, "--share-with", "llama-3.2-1b", "--json", "--write", str(target))
    plans = json.loads(result.stdout)["plans"]
    assert [one["shares_gpu_with"] for one in plans] == ["llama-3.2-1b", "llama-3.1-8b"]
    second = yaml.safe_load((tmp_path / "values-llama-3.2-1b.yaml").read_text(encoding="utf-8"))
    assert second["memoryShare"] == plans[1]["memory_utilization"]
    assert yaml.safe_load(target.read_text(encoding="utf-8"))["memoryShare"] == plans[0]["memory_utilization"]


def test_a_second_model_needs_a_gpu_and_a_first_one() -> None:
    result = run("--model", "llama-3.1-8b", "--share-with", "llama-3.2-1b")
    assert result.exit_code == 2
    assert "add `--model NAME --gpu L4`" in result.stderr


def test_the_screen_states_data_parallel_ranks_and_host_memory() -> None:
    ranks = run("--model", "qwen3-30b-a3b", "--gpu", "2xh100", "--tp", "1", "--data-parallel", "2")
    assert "on each of 2 ranks" in " ".join(ranks.stdout.split())
    offloaded = run(*ARGUMENTS, "--cpu-offload-gb", "2")
    assert "2.00 GiB of weights and cache are in the host's memory" in " ".join(offloaded.stdout.split())
