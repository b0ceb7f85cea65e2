"""The spec of a boot log, and the options for values that the log does not have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from signalbox.capacity.boot_logs.parse import read_log
from signalbox.capacity.boot_logs.spec_from_log import LogOverrides, spec_of
from signalbox.capacity.models.catalogue import load
from signalbox.errors import InputError

BOOTS = Path(__file__).parents[3] / "data" / "boots"
CATALOGUE = load()
LLAMA = BOOTS / "vllm-0.19-h100-llama-8b-tp4.log"
H100 = LogOverrides(gpu="h100")


def test_the_spec_is_read_from_the_log() -> None:
    spec = spec_of(read_log(LLAMA), H100, CATALOGUE)
    assert spec.model.name.startswith("meta-llama/Llama-3.1-8B")
    assert (spec.engine.name, spec.engine.version, spec.quantization.name) == ("vllm", "0.19.0", "bf16")
    assert (spec.tensor_parallel, spec.context, spec.concurrency) == (4, 8192, 1024)
    assert (spec.batched_tokens, spec.memory_utilization, spec.dtype) == (8192, 0.95, "bfloat16")


def test_overrides_win() -> None:
    overrides = LogOverrides(
        gpu="l4",
        model="qwen2.5-7b-instruct",
        quantization="awq",
        engine_version="0.20.1",
        concurrency=8,
        memory_utilization=0.5,
    )
    spec = spec_of(read_log(LLAMA), overrides, CATALOGUE)
    assert (spec.gpu, spec.model.name) == (CATALOGUE.gpu("l4"), "Qwen/Qwen2.5-7B-Instruct")
    assert (spec.quantization.name, spec.engine.version) == ("awq-int4", "0.20.1")
    assert (spec.concurrency, spec.memory_utilization) == (8, 0.5)


@pytest.mark.parametrize(
    ("change", "overrides", "option"),
    [
        ({}, LogOverrides(), "--gpu"),
        ({"model": None}, H100, "--model"),
        ({"model": "org/private-7b-finetune"}, H100, "--model"),
        ({"quantization": "compressed-tensors"}, H100, "--quantization"),
    ],
)
def test_a_missing_value_names_its_option(
    change: dict[str, str | None], overrides: LogOverrides, option: str
) -> None:
    with pytest.raises(InputError, match=f"add `{option}") as caught:
        spec_of(replace(read_log(LLAMA), **change), overrides, CATALOGUE)  # type: ignore[arg-type]
    assert caught.value.field == option


@pytest.mark.parametrize(
    ("model", "method", "dtype", "quantization"),
    [
        ("meta-llama/Llama-3.1-8B", None, "bfloat16", "bf16"),
        ("meta-llama/Llama-3.1-8B", None, "float16", "fp16"),
        ("meta-llama/Llama-3.1-8B", "gptq_marlin", "float16", "gptq-int4"),
        ("meta-llama/Llama-3.1-8B", "fp8", "bfloat16", "fp8"),
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a8", "compressed-tensors", "float16", "w8a8-int8"),
        ("openai/gpt-oss-20b", "mxfp4", "bfloat16", "mxfp4"),
    ],
)
def test_names_of_quantization_in_vllm(model: str, method: str | None, dtype: str, quantization: str) -> None:
    measured = replace(read_log(LLAMA), model=model, quantization=method, dtype=dtype, tensor_parallel=1)
    assert spec_of(measured, H100, CATALOGUE).quantization.name == quantization


@pytest.mark.parametrize(
    ("version", "expected"),
    [("0.23.1rc1.dev550+g58d6a6e60.d20260629", "0.23.1"), ("0.13.0+faa43dbf.nv26.01", "0.13.0")],
)
def test_builds_between_releases_count_as_their_release(version: str, expected: str) -> None:
    measured = replace(read_log(LLAMA), version=version)
    assert spec_of(measured, H100, CATALOGUE).engine.version == expected


def test_a_gguf_file_is_its_base_model() -> None:
    measured = read_log(BOOTS / "llama-server-2024-v100.log")
    measured = replace(measured, model="models/Meta-Llama-3-8B-Instruct.Q4_K_M.gguf")
    spec = spec_of(measured, LogOverrides(), CATALOGUE)
    assert (spec.model.name, spec.quantization.name) == ("meta-llama/Meta-Llama-3-8B", "gguf-q4_k_m")
    assert spec.gpu.name.lower().startswith("v100")
