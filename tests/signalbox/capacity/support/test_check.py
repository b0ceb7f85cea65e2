"""Support rules: each refusal that the design names, its hint, and that the hint works."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import pytest

from signalbox.capacity.spec import Spec
from signalbox.capacity.support.check import Finding, check, support_table
from signalbox.capacity.support.matrix import load
from signalbox.errors import InputError
from tests.signalbox.capacity.specs import catalogue, spec


def found(asked: Spec, level: str = "refusal") -> dict[str, Finding]:
    return {row.rule: row for row in check(asked) if row.level == level}


@pytest.mark.parametrize(
    ("model", "gpu", "quantization", "engine", "fields", "rule", "hint"),
    [
        ("llama-3.1-8b", "t4", "bf16", "vllm", {}, "bf16-capability", "float16"),
        ("llama-3.1-8b", "a100", "fp8", "vllm", {}, "fp8-compute", "fp8-marlin"),
        ("llama-3.1-8b", "a10", "fp8-block", "vllm", {}, "fp8-compute", "Marlin"),
        ("llama-3.1-8b", "t4", "fp8", "vllm", {}, "fp8-compute-old", "fp8-marlin"),
        ("llama-3.1-8b", "a100", "fp8", "tgi", {}, "fp8-compute", "fp8-marlin"),
        ("llama-3.1-8b", "v100", "awq", "vllm", {}, "awq-volta", "llamacpp"),
        ("llama-3.1-8b", "v100", "fp16", "vllm", {}, "engine-generation", "llamacpp"),
        ("gpt-oss-20b", "t4", "mxfp4", "vllm", {}, "mxfp4-old", "gguf-mxfp4"),
        ("llama-3.1-8b", "h100", "nvfp4", "nim", {}, "fp4-compute", "awq-int4"),
        ("llama-3.1-8b", "b200", "w8a8-int8", "vllm", {}, "int8-blackwell", "fp8"),
        ("llama-3.1-8b", "l4", "gguf-q4_k_m", "vllm", {}, "gguf-in-vllm", "llamacpp"),
        ("llama-3.1-8b", "l4", "awq", "llamacpp", {}, "engine-quantization", "gguf-q4_k_m"),
        ("llama-3.1-8b", "t4", "fp16", "tgi", {}, "tgi-generation", "vllm"),
        ("gemma-2-9b-it", "t4", "fp16", "tgi", {}, "tgi-attention-turing", "vllm"),
        ("gemma-2-9b-it", "t4", "fp16", "vllm", {}, "float16-unstable", "float32"),
        ("gemma-2-9b-it", "l4", "fp16", "vllm", {}, "float16-unstable", "bfloat16"),
        ("llama-3.1-8b", "gh200", "bf16", "tgi", {}, "arm64-image", "vllm"),
        ("llama-3.1-8b", "t4", "fp16", "nim", {}, "nim-generation", "vllm"),
        ("llama-3.1-8b", "a100", "bf16", "vllm", {"kv_dtype": "fp8"}, "kv-fp8-capability", "auto"),
        ("llama-3.1-8b", "l4", "bf16", "vllm", {"kv_dtype": "q8_0"}, "kv-dtype-engine", "fp8"),
        ("qwen3-14b", "h100", "bf16", "vllm", {"tensor_parallel": 5}, "tensor-parallel-split", "4 or 8"),
        ("llama-3.1-8b", "h100", "bf16", "tgi", {"tensor_parallel": 3}, "tensor-parallel-split", "2 or 4"),
        ("Qwen3-30B-A3B", "h100", "fp8-block", "vllm", {"tensor_parallel": 4}, "quantization-groups", "2"),
        ("llama-3.1-8b", "h100", "bf16", "tgi", {"pipeline_parallel": 2}, "pipeline-engine", "vllm"),
        ("llama-3.2-1b", "h100", "bf16", "vllm", {"pipeline_parallel": 17}, "pipeline-layers", "16"),
        ("llama-3.1-8b", "h100-mig-1g.10gb", "awq", "vllm", {"tensor_parallel": 2}, "mig-parallel", "h100"),
        ("phi-3-mini-4k", "h100", "bf16", "vllm", {"context": 4097}, "context-positions", "4096"),
        ("gpt-oss-20b", "h100", "bf16", "vllm", {}, "checkpoint-quantization", "mxfp4"),
    ],
)
def test_refuses_what_cannot_work_and_names_what_does(
    model: str, gpu: str, quantization: str, engine: str, fields: dict[str, object], rule: str, hint: str
) -> None:
    refusals = found(spec(model, gpu, quantization, engine, **fields))
    assert rule in refusals
    assert hint in refusals[rule].hint
    assert refusals[rule].reason


@pytest.mark.parametrize(
    ("model", "gpu", "quantization", "engine", "fields"),
    [
        ("llama-3.1-8b", "t4", "awq", "vllm", {}),
        ("llama-3.1-8b", "t4", "fp16", "vllm", {}),
        ("llama-3.1-8b", "a100", "fp8-marlin", "vllm", {}),
        ("gpt-oss-120b", "a100", "mxfp4", "vllm", {}),
        ("llama-3.1-8b", "h100", "fp8", "vllm", {"kv_dtype": "fp8"}),
        ("llama-3.1-70b", "l4", "bf16", "tgi", {"tensor_parallel": 8}),
        ("qwen2.5-72b", "a100", "gptq-int4", "vllm", {"tensor_parallel": 2}),
        ("llama-3.1-8b", "v100", "gguf-q4_k_m", "llamacpp", {}),
        ("qwen2.5-0.5b", "h100", "bf16", "vllm", {"tensor_parallel": 2}),
        ("qwen3-14b", "l4", "gguf-q4_k_m", "llamacpp", {"tensor_parallel": 3}),
    ],
)
def test_does_not_refuse_what_works(
    model: str, gpu: str, quantization: str, engine: str, fields: dict[str, object]
) -> None:
    assert found(spec(model, gpu, quantization, engine, **fields)) == {}


def test_lack_of_proof_can_be_overruled_and_proof_of_failure_cannot() -> None:
    unproven = spec("llama-3.1-8b", "t4", "fp16", "tgi")
    assert found(unproven, "refusal").keys() == {"tgi-generation"}
    assert {row.level for row in check(unproven, forced={"tgi-generation"})} == {"warning"}
    impossible = spec("llama-3.1-8b", "t4", "bf16")
    assert any(row.level == "refusal" for row in check(impossible, forced={"bf16-capability"}))


@pytest.mark.parametrize("engine", ["tgi", "nim"])
def test_engines_that_were_not_measured_say_so(engine: str) -> None:
    assert f"{engine}-assumed" in found(spec("llama-3.1-8b", "l4", "bf16", engine), "warning")


def test_older_versions_have_their_own_verdicts() -> None:
    gguf = spec("llama-3.1-8b", "l4", "gguf-q4_k_m", version="0.10.0")
    assert [(row.rule, row.level) for row in check(gguf)] == [("gguf-in-vllm-old", "warning")]
    marlin = spec("llama-3.1-8b", "t4", "fp8-marlin", version="0.15.0")
    assert "fp8-marlin-old" in found(marlin)
    assert "fp8-marlin-turing" in found(spec("llama-3.1-8b", "t4", "fp8-marlin"), "warning")
    assert found(spec("llama-3.1-8b", "v100", "fp16", version="0.6.0")) == {}


def test_the_dtype_that_the_hint_names_is_not_refused() -> None:
    assert found(replace(spec("llama-3.1-8b", "t4", "bf16"), dtype="float16")) == {}


def test_the_tensor_parallel_sizes_that_the_hint_names_are_not_refused() -> None:
    for row, size in product(catalogue().models, (3, 5, 6, 7, 12)):
        asked = spec(row.name, "h100", "bf16", context=1024, tensor_parallel=size)
        refusal = found(asked).get("tensor-parallel-split")
        if refusal is None:
            continue
        for named in re.findall(r"\d+", refusal.hint):
            assert "tensor-parallel-split" not in found(replace(asked, tensor_parallel=int(named))), row.name


def test_every_substitute_that_a_refusal_names_is_not_refused_there() -> None:
    tables = load()
    for row, gpu, engine in product(catalogue().quantizations, catalogue().gpus, ("vllm", "tgi")):
        asked = spec("llama-3.1-8b", gpu.name, row.name, engine)
        for refusal in found(asked).values():
            named = re.search(r"Use quantization ([\w.-]+?)(?:[;,.]? |\.$|$)", refusal.hint)
            if named is None or named[1] == "of" or refusal.rule == "checkpoint-quantization":
                continue
            other = re.search(rf"{re.escape(named[1])} with engine (\w+)", refusal.hint)
            cell = tables.cell(other[1] if other else engine, named[1], gpu.compute_capability)
            assert cell == "ok" or tables.verdicts[cell].level == "warning", (row.name, gpu.name, engine)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("context", 0),
        ("concurrency", -1),
        ("batched_tokens", 0),
        ("tensor_parallel", 0),
        ("pipeline_parallel", -2),
        ("memory_utilization", 1.2),
        ("memory_utilization", 0.0),
    ],
)
def test_impossible_numbers_name_field_value_and_hint(field: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{field}: got {value}. Give"):
        check(spec("llama-3.1-8b", "h100", "bf16", **{field: value}))


def test_the_table_for_templates_says_the_same_as_the_rules() -> None:
    table = support_table()
    by_since = sorted(table["generations"].items(), key=lambda pair: pair[1])
    for engine, rows in table["matrix"].items():
        for row, gpu in product(catalogue().quantizations, catalogue().gpus):
            if row.name not in rows:
                continue
            generation = [name for name, since in by_since if since <= gpu.compute_capability][-1]
            cell = rows[row.name][generation]
            rules = {finding.rule for finding in check(spec("llama-3.1-8b", gpu.name, row.name, engine))}
            assert cell == "ok" or cell["rule"] in rules, (engine, row.name, gpu.name)


def test_every_verdict_is_used_and_has_a_source() -> None:
    tables = load()
    used = {cell for rows in tables.matrix.values() for cells in rows.values() for cell in cells}
    used |= {verdict.before for verdict in tables.verdicts.values() if verdict.before} | {
        "engine-quantization"
    }
    assert set(tables.verdicts) == used - {"ok"}
    assert all(verdict.source and verdict.reason for verdict in tables.verdicts.values())
