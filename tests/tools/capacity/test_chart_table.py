"""The chart's table equals the planner on the whole grid, and can be read the way a template reads it."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from signalbox.capacity.planner.evaluate import evaluate_spec
from signalbox.capacity.planner.plan import default_catalogue
from tools.capacity.chart_grid import default_grid
from tools.capacity.chart_table import helm_table, table_file

FILE = Path("charts/model-server/files/capacity.json")
ROWS = default_catalogue()
ENGINES = ("vllm", "tgi", "llamacpp")


@cache
def table() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


def look_up(engine: str, model: str, quantization: str, tensor: int, gpu: str) -> str:
    """As a template does: split the row, take the cell at the GPU's index."""
    cells = table()["cells"][engine][model][quantization][str(tensor)].split(" ")
    return cells[0] if len(cells) == 1 else cells[table()["gpus"].index(gpu)]


def places(engine: str):
    grid = default_grid(engine)
    for name in table()["models"]:
        model = ROWS.model(name).architecture
        for quantization in grid.quantizations_of(model):
            for tensor in grid.tensors:
                for gpu in grid.gpus:
                    if gpu.slice_of is None or tensor == 1:
                        yield model, (quantization, tensor, gpu)


def test_the_file_is_what_the_generator_writes():
    assert FILE.read_text(encoding="utf-8") == table_file(), "run `make generate`"


def test_the_file_is_small_enough_for_a_release():
    assert FILE.stat().st_size < 1_000_000


@pytest.mark.parametrize("engine", ENGINES)
def test_every_cell_is_the_planners_result(engine):
    """The whole grid: violations with their reason, the longest context, and that the next step does not fit."""
    grid, count = default_grid(engine), 0
    for model, place in places(engine):
        quantization, tensor, gpu = place
        first, second = look_up(engine, model.name, quantization.name, tensor, gpu.name).split(":")
        spec = grid.spec(model, place)
        count += 1
        if first.startswith("r"):
            evaluation = evaluate_spec(replace(spec, context=model.max_positions))
            assert evaluation.violations[0].reason == table()["reasons"][int(first[1:])]
            continue
        longest = model.max_positions if first == "m" else int(first)
        if longest:
            longest_fit = evaluate_spec(replace(spec, context=longest))
            assert longest_fit.fits, (model.name, place)
            assert longest_fit.budget.kv_tokens // 1000 == int(second)
        if longest < model.max_positions:
            longer = min(longest + 16, model.max_positions)
            assert not evaluate_spec(replace(spec, context=longer)).fits, (model.name, place)
    assert count > 10_000


@pytest.mark.parametrize("engine", ENGINES)
def test_every_nearest_option_fits(engine):
    grid = default_grid(engine)
    for model, place in places(engine):
        quantization, tensor, gpu = place
        first, second = look_up(engine, model.name, quantization.name, tensor, gpu.name).split(":")
        if (first == "0" or first.startswith("r")) and second != "-":
            name, size, where = table()["options"][int(second)].split(" ")
            cell = look_up(engine, model.name, name, int(size), where).split(":")[0]
            longest = model.max_positions if cell == "m" else int(cell)
            assert longest >= min(grid.context, model.max_positions)


@pytest.mark.parametrize(
    ("model", "quantization", "gpu", "advice"),
    [
        ("meta-llama/Llama-3.2-3B", "bf16", "t4", "fp16"),
        (
            "meta-llama/Llama-3.1-8B",
            "bf16",
            "t4",
            "w8a8-int8",
        ),  # fp16 does not fit, FP8 by Marlin is slow there
        ("meta-llama/Llama-3.1-8B", "fp8", "a100-80gb", "fp8-marlin"),
    ],
)
def test_the_nearest_option_follows_the_support_rules(model, quantization, gpu, advice):
    option = look_up("vllm", model, quantization, 1, gpu).split(":")[1]
    assert table()["options"][int(option)] == f"{advice} 1 {gpu}"


def test_a_model_splits_by_the_divisors_of_its_heads():
    rows = table()["models"]
    assert rows["meta-llama/Llama-3.1-8B"]["heads"] == [32, 8]
    assert rows["meta-llama/Llama-3.1-8B"]["splits"] == [1, 2, 4, 8, 16, 32]
    assert rows["microsoft/phi-4"]["splits"] == [1, 2]  # 40 heads, but 10 of keys and values
    assert rows["Qwen/Qwen2.5-0.5B-Instruct"]["splits"] == [1, 2]  # 14 heads


def test_files_are_those_of_models_that_generate_text():
    rows = default_catalogue().models
    assert set(table()["files"]) == {row.name for row in rows if row.generates} != {row.name for row in rows}


def test_known_cases_are_unsupported_or_do_not_fit():
    assert look_up("vllm", "meta-llama/Llama-3.1-8B", "bf16", 1, "t4").startswith("r")
    assert look_up("vllm", "meta-llama/Llama-3.1-8B", "fp8", 1, "a100-80gb").startswith("r")
    assert look_up("vllm", "meta-llama/Llama-3.1-70B", "bf16", 1, "l4").startswith("0:")
    assert look_up("vllm", "microsoft/Phi-3-medium-128k-instruct", "bf16", 4, "h100").startswith("r")
    assert look_up("vllm", "meta-llama/Llama-3.1-8B", "bf16", 1, "l4").split(":")[0].isdigit()


def test_terms_are_those_of_the_largest_gpu():
    weights, fixed, per_token = table()["terms"]["vllm"]["meta-llama/Llama-3.1-8B"]["bf16"]["1"].split(" ")
    assert int(weights) == pytest.approx(14.99 * 1024, rel=0.01)
    assert 0 < int(fixed) < 8 * 1024
    assert int(per_token) == 131072


def test_a_table_of_one_model_is_a_part_of_the_whole():
    name = "Qwen/Qwen2.5-7B-Instruct"
    part = helm_table(models=[name])
    for engine in ENGINES:
        for quantization, rows in part["cells"][engine][name].items():
            for tensor, row in rows.items():
                longest = [cell.split(":")[0] for cell in row.split(" ") if not cell.startswith("r")]
                whole = table()["cells"][engine][name][quantization][tensor].split(" ")
                assert longest == [cell.split(":")[0] for cell in whole if not cell.startswith("r")]
