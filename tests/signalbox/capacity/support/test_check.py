"""Support rules: each unsupported configuration, its hint, and that the hint works."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import pytest

from signalbox.capacity.spec import Spec
from signalbox.capacity.support.backends import attention_backend
from signalbox.capacity.support.check import Finding, check
from signalbox.capacity.support.matrix import load_support
from signalbox.errors import InputError
from tests.signalbox.capacity.specs import catalogue, spec


def findings(one: Spec, level: str | None = "unsupported") -> dict[str, Finding]:
    return {row.rule: row for row in check(one) if level in (None, row.level)}


@pytest.mark.parametrize(
    ("model", "gpu", "quantization", "engine", "fields", "rule", "hint"),
    [
        ("llama-3.1-8b", "t4", "bf16", "vllm", {}, "bf16-capability", "float16"),
        ("llama-3.1-8b", "a100", "fp8", "vllm", {}, "fp8-compute", "fp8-marlin"),
        ("llama-3.1-8b", "a10", "fp8-block", "vllm", {}, "fp8-compute", "Marlin"),
        ("llama-3.1-8b", "t4", "fp8", "vllm", {}, "fp8-compute-old", "fp8-marlin"),
        ("llama-3.1-8b", "a100", "fp8", "tgi", {}, "fp8-compute", "fp8-marlin"),
        ("llama-3.1-8b", "v100", "awq", "vllm", {}, "awq-volta", "llamacpp"),
        ("llama-3.1-8b", "v100", "fp16", "vllm", {}, "volta-image", "llamacpp"),
        ("gpt-oss-20b", "t4", "mxfp4", "vllm", {}, "mxfp4-old", "gguf-mxfp4"),
        ("llama-3.1-8b", "h100", "nvfp4", "nim", {}, "fp4-compute", "awq-int4"),
        ("llama-3.1-8b", "b200", "w8a8-int8", "vllm", {}, "int8-blackwell", "fp8"),
        ("llama-3.1-8b", "l4", "gguf-q4_k_m", "vllm", {}, "gguf-in-vllm", "llamacpp"),
        ("llama-3.1-8b", "l4", "awq", "llamacpp", {}, "engine-quantization", "gguf-q4_k_m"),
        ("llama-3.1-8b", "t4", "fp16", "tgi", {}, "tgi-generation", "vllm"),
        ("llama-3.1-8b", "t4", "fp16", "sglang", {}, "sglang-turing", "vllm"),
        ("llama-3.1-8b", "v100", "fp16", "sglang", {}, "sglang-generation", "llamacpp"),
        ("llama-3.1-8b", "a100", "fp8", "sglang", {}, "fp8-compute", "fp8-marlin"),
        ("llama-3.1-8b", "b200", "w8a8-int8", "sglang", {}, "sglang-int8-blackwell", "fp8"),
        ("llama-3.1-8b", "h100", "bnb-nf4", "sglang", {}, "engine-quantization", "gptq-int4"),
        ("gemma-2-9b-it", "t4", "fp16", "tgi", {}, "tgi-attention-turing", "vllm"),
        ("gemma-2-9b-it", "t4", "fp16", "vllm", {}, "float16-unstable", "float32"),
        ("gemma-2-9b-it", "l4", "fp16", "vllm", {}, "float16-unstable", "bfloat16"),
        ("llama-3.1-8b", "gh200", "bf16", "tgi", {}, "arm64-image", "vllm"),
        ("llama-3.1-8b", "t4", "fp16", "nim", {}, "nim-generation", "vllm"),
        ("phi-3-mini-4k", "a100", "bf16", "vllm", {"kv_dtype": "fp8"}, "kv-fp8-capability", "fp8_e5m2"),
        ("llama-3.1-8b", "l4", "bf16", "vllm", {"kv_dtype": "q8_0"}, "kv-dtype-engine", "fp8"),
        ("qwen3-14b", "h100", "bf16", "vllm", {"tensor_parallel": 5}, "tensor-parallel-split", "4 or 8"),
        ("llama-3.1-8b", "h100", "bf16", "tgi", {"tensor_parallel": 3}, "tensor-parallel-split", "2 or 4"),
        ("Qwen3-30B-A3B", "h100", "fp8-block", "vllm", {"tensor_parallel": 4}, "quantization-groups", "2"),
        ("llama-3.1-8b", "h100", "bf16", "tgi", {"pipeline_parallel": 2}, "pipeline-engine", "vllm"),
        ("llama-3.2-1b", "h100", "bf16", "vllm", {"pipeline_parallel": 17}, "pipeline-layers", "16"),
        ("llama-3.1-8b", "h100-mig-1g.10gb", "awq", "vllm", {"tensor_parallel": 2}, "mig-parallel", "H100"),
        ("phi-3-mini-4k", "h100", "bf16", "vllm", {"context": 4097}, "context-positions", "4096"),
        ("gpt-oss-20b", "h100", "bf16", "vllm", {}, "checkpoint-quantization", "mxfp4"),
    ],
)
def test_an_unsupported_configuration_has_a_reason_and_a_hint(
    model: str, gpu: str, quantization: str, engine: str, fields: dict[str, object], rule: str, hint: str
) -> None:
    violations = findings(spec(model, gpu, quantization, engine, **fields))
    assert rule in violations
    assert hint in violations[rule].hint
    assert violations[rule].reason


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
def test_a_configuration_that_works_is_supported(
    model: str, gpu: str, quantization: str, engine: str, fields: dict[str, object]
) -> None:
    assert findings(spec(model, gpu, quantization, engine, **fields)) == {}


def test_a_rule_without_proof_can_be_overruled_and_a_known_failure_cannot() -> None:
    unproven = spec("llama-3.1-8b", "t4", "fp16", "tgi")
    assert findings(unproven).keys() == {"tgi-generation"}
    assert "--allow-unproven" in findings(unproven)["tgi-generation"].hint
    allowed = check(unproven, allow_unproven=True)
    assert {row.level for row in allowed} == {"warning"}
    warning = next(row for row in allowed if row.rule == "tgi-generation")
    assert warning.unproven
    assert "--allow-unproven" in warning.hint
    impossible = spec("llama-3.1-8b", "t4", "bf16")
    assert any(row.level == "unsupported" for row in check(impossible, allow_unproven=True))


def test_messages_name_gpus_as_their_vendor_does() -> None:
    reasons = [
        finding.reason
        for gpu in ("t4", "h100-nvl-mig-1g.12gb", "a100-80gb-pcie")
        for finding in check(spec("llama-3.1-8b", gpu, "fp8", kv_dtype="fp8", tensor_parallel=2))
    ]
    text = " ".join(reasons)
    assert "quantization fp8 requires compute capability 8.9 (Ada or newer); T4 has 7.5." in reasons
    assert "H100-NVL-MIG-1g.12gb is a slice" in text
    assert "A100-80GB-PCIe has 8.0" in text


@pytest.mark.parametrize("engine", ["tgi", "nim"])
def test_engines_that_were_not_measured_have_a_warning(engine: str) -> None:
    assert f"{engine}-assumed" in findings(spec("llama-3.1-8b", "l4", "bf16", engine), "warning")


def test_older_versions_have_their_own_rules() -> None:
    gguf = spec("llama-3.1-8b", "l4", "gguf-q4_k_m", version="0.10.0")
    assert [(row.rule, row.level) for row in check(gguf)] == [("gguf-in-vllm-old", "warning")]
    marlin = spec("llama-3.1-8b", "t4", "fp8-marlin", version="0.15.0")
    assert "fp8-marlin-old" in findings(marlin)
    assert "fp8-marlin-turing" in findings(spec("llama-3.1-8b", "t4", "fp8-marlin"), "warning")
    assert findings(spec("llama-3.1-8b", "v100", "fp16", version="0.6.0")) == {}


def test_the_dtype_that_the_hint_names_is_supported() -> None:
    assert findings(replace(spec("llama-3.1-8b", "t4", "bf16"), dtype="float16")) == {}


def test_the_tensor_parallel_sizes_that_the_hint_names_are_supported() -> None:
    for row, size in product(catalogue().models, (3, 5, 6, 7, 12)):
        one = spec(row.name, "h100", "bf16", context=1024, tensor_parallel=size)
        finding = findings(one).get("tensor-parallel-split")
        if finding is None:
            continue
        for other in re.findall(r"\d+", finding.hint):
            split = replace(one, tensor_parallel=int(other))
            assert "tensor-parallel-split" not in findings(split), row.name


def test_every_substitute_that_a_hint_names_is_supported_there() -> None:
    tables = load_support()
    for row, gpu, engine in product(catalogue().quantizations, catalogue().gpus, ("vllm", "tgi")):
        one = spec("llama-3.1-8b", gpu.name, row.name, engine)
        for finding in findings(one).values():
            substitute = re.search(r"Use quantization ([\w.-]+?)(?:[;,.]? |\.$|$)", finding.hint)
            if substitute is None or substitute[1] == "of" or finding.rule == "checkpoint-quantization":
                continue
            other = re.search(rf"{re.escape(substitute[1])} with engine (\w+)", finding.hint)
            cell = tables.cell(other[1] if other else engine, substitute[1], gpu.compute_capability)
            assert cell == "ok" or tables.rules[cell].level == "warning", (row.name, gpu.name, engine)


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


def test_every_rule_of_the_matrix_is_used_and_has_a_source() -> None:
    tables = load_support()
    used = {cell for rows in tables.matrix.values() for cells in rows.values() for cell in cells}
    used |= {rule.before for rule in tables.rules.values() if rule.before} | {"engine-quantization"}
    assert set(tables.rules) == used - {"ok"}
    assert all(rule.source and rule.reason for rule in tables.rules.values())


@pytest.mark.parametrize("gpu", ["a100-40gb", "a10", "a40", "rtx-3090"])
@pytest.mark.parametrize("dtype", ["fp8", "fp8_e4m3", "fp8_e5m2"])
def test_an_fp8_cache_runs_on_ampere_with_the_backend_named(gpu: str, dtype: str) -> None:
    planned = spec("llama-3.1-8b", gpu, "bf16", kv_dtype=dtype)
    assert "kv-fp8-capability" not in findings(planned)
    assert attention_backend(planned) == "FLASHINFER"


@pytest.mark.parametrize(
    ("gpu", "dtype", "backend"),
    [("l4", "fp8", ""), ("h100", "fp8", ""), ("a10", "auto", ""), ("t4", "fp8", "")],
)
def test_a_backend_is_named_only_where_the_choice_would_not_start(gpu: str, dtype: str, backend: str) -> None:
    assert attention_backend(spec("llama-3.1-8b", gpu, "fp16", kv_dtype=dtype)) == backend


def test_heads_that_flashinfer_lacks_have_e5m2_only() -> None:
    assert attention_backend(spec("phi-3-mini-4k", "a10", "bf16", kv_dtype="fp8_e5m2")) == "TRITON_ATTN"


@pytest.mark.parametrize(
    ("version", "rule"),
    [("0.10.0", "volta-attention"), ("0.14.0", "volta-attention"), ("0.20.0", "volta-image")],
)
def test_a_v100_runs_until_the_images_have_cuda_13(version: str, rule: str) -> None:
    assert rule in findings(spec("llama-3.1-8b", "v100-32gb", "fp16", version=version), level=None)


def test_tgi_names_the_prompts_above_its_prefill() -> None:
    short = findings(spec("llama-3.1-8b", "l40s", "bf16", "tgi", context=8192), level=None)
    assert "tgi-prefill" not in short
    longer = findings(spec("llama-3.1-8b", "l40s", "bf16", "tgi", context=32768), level=None)["tgi-prefill"]
    assert longer.level == "warning"
    assert "32767" in longer.reason
    assert "8192" in longer.reason
