"""Predicted against measured: the spec of a log, the terms of both, what is stored and used again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from signalbox.capacity.boot_logs.boot import MeasuredBoot
from signalbox.capacity.boot_logs.compare import boot_of, compare
from signalbox.capacity.boot_logs.corrections import load_corrections, store_boot
from signalbox.capacity.boot_logs.parse import read_log
from signalbox.capacity.boot_logs.spec_from_log import LogOverrides, spec_of
from signalbox.capacity.budget import Budget
from signalbox.capacity.cli.check_boot import check_boot
from signalbox.capacity.memory import budget
from signalbox.capacity.models.catalogue import load
from signalbox.capacity.units import GIB
from signalbox.errors import InputError
from signalbox.settings import Settings

BOOTS = Path(__file__).parents[3] / "data" / "boots"
CATALOGUE = load()
LLAMA = BOOTS / "vllm-0.19-h100-llama-8b-tp4.log"
H100 = LogOverrides(gpu="h100")
# vLLM at its default log level: no line has activation or non-torch memory.
BRIEF = MeasuredBoot(
    engine="vllm",
    version="0.24.0",
    model="Qwen/Qwen2.5-7B-Instruct",
    dtype="bfloat16",
    context=8192,
    memory_utilization=0.9,
    weights_bytes=15 * GIB,
    graphs_estimate_bytes=GIB,
    graphs_bytes=2 * GIB,
    kv_bytes=50 * GIB,
)
# The model runner that Llama runs on in 0.24 estimates no graphs.
UNESTIMATED = replace(BRIEF, model="meta-llama/Llama-3.1-8B-Instruct", graphs_estimate_bytes=None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "run")


def run(settings: Settings, log: Path, overrides: LogOverrides, cluster: str | None = None) -> str:
    """What the command prints; stores when a cluster is named."""
    out = StringIO()
    check_boot(
        settings, log, Console(file=out, width=200), overrides, store=cluster is not None, cluster=cluster
    )
    return out.getvalue()


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


def test_every_term_of_the_log_is_compared() -> None:
    measured = read_log(LLAMA)
    spec = spec_of(measured, H100, CATALOGUE)
    rows = {row.term: row for row in compare(measured, budget(spec), spec)}
    assert list(rows) == [
        "weights",
        "activation",
        "non_torch",
        "graphs",
        "kv_cache",
        "cached tokens",
        "full requests",
    ]
    assert rows["weights"].measured == pytest.approx(3.77, abs=1e-6)
    assert rows["cached tokens"].measured == 2_209_792
    assert rows["weights"].error == pytest.approx(rows["weights"].predicted / 3.77 - 1, abs=1e-6)


def test_a_log_without_activation_compares_what_is_left_of_the_budget() -> None:
    spec = spec_of(BRIEF, H100, CATALOGUE)
    rows = {row.term: row for row in compare(BRIEF, budget(spec), spec)}
    rest = rows["activation + non_torch"]
    assert rest.derived
    # 0.9 of the GPU less weights, cache and the estimate of graphs, which 0.24 takes off.
    assert rest.measured == pytest.approx(spec.gpu.total_gib * 0.9 - 15 - 50 - 1, abs=1e-6)
    assert rows["graphs"].measured == 1.0


def test_before_0_21_graphs_are_outside_the_budget() -> None:
    measured = replace(BRIEF, version="0.19.0")
    spec = spec_of(measured, H100, CATALOGUE)
    rows = {row.term: row for row in compare(measured, budget(spec), spec)}
    assert rows["activation + non_torch"].measured == pytest.approx(spec.gpu.total_gib * 0.9 - 65, abs=1e-6)
    assert rows["graphs"].measured == 2.0


def test_nothing_is_derived_from_a_cache_of_fixed_size() -> None:
    measured = replace(BRIEF, kv_is_option=True)
    spec = spec_of(measured, H100, CATALOGUE)
    assert "activation + non_torch" not in {row.term for row in compare(measured, budget(spec), spec)}


def test_nothing_is_derived_from_another_gpu() -> None:
    overrides = LogOverrides(gpu="l4")  # smaller than what the log says was used
    spec = spec_of(BRIEF, overrides, CATALOGUE)
    assert "activation + non_torch" not in {row.term for row in compare(BRIEF, budget(spec), spec)}


@pytest.mark.parametrize(
    "measured", [read_log(LLAMA), BRIEF, UNESTIMATED], ids=["all terms", "derived", "without an estimate"]
)
def test_a_stored_boot_corrects_the_prediction_to_what_was_measured(
    settings: Settings, measured: MeasuredBoot
) -> None:
    spec = spec_of(measured, H100, CATALOGUE)
    boot = boot_of(measured, budget(spec), spec, cluster="lab", log="x", now=datetime.now(UTC))
    store_boot(settings, boot)
    corrected = budget(replace(spec, correction=load_corrections(settings, "lab").of(spec)))
    assert _gib(corrected, "weights") == pytest.approx((measured.weights_bytes or 0) / GIB, abs=1e-6)
    # To the half percent of GiB that a log rounds to, over four terms.
    assert corrected.kv_bytes / GIB == pytest.approx((measured.kv_bytes or 0) / GIB, abs=0.06)
    assert corrected.kv_bytes != budget(spec).kv_bytes


def test_the_command_shows_the_table_and_stores(settings: Settings) -> None:
    output = run(settings, LLAMA, H100, cluster="lab")
    assert "bf16 on 4× H100, vllm 0.19.0" in output
    assert "│ weights       │ 3.77 GiB  │ 3.77 GiB  │" in output
    assert "predicted: fits; measured: started" in output
    assert "stored for cluster lab" in output
    assert len(load_corrections(settings, "lab").boots) == 1


def test_without_store_nothing_is_written(settings: Settings) -> None:
    run(settings, LLAMA, H100)
    assert not settings.state_dir.exists()


def test_store_requires_the_cluster_before_the_log_is_read(settings: Settings) -> None:
    with pytest.raises(InputError, match="--cluster NAME"):
        check_boot(settings, Path("none.log"), Console(file=StringIO()), H100, store=True, cluster=" ")


def test_a_failed_boot_is_shown_and_stores_nothing(settings: Settings) -> None:
    log = BOOTS / "vllm-0.19-h100-no-memory.log"
    output = run(settings, log, H100)
    assert "measured: failed" in output
    assert "error in the log: Free memory on device cuda:1" in output
    with pytest.raises(InputError, match="measures no term"):
        run(settings, log, H100, cluster="lab")
    assert not load_corrections(settings, "lab").boots


def test_a_cold_boot_and_the_wrong_gpu_are_pointed_out(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "boot.log"
    log.write_text(
        (BOOTS / "vllm-0.29-a100-llama-8b.log").read_text(encoding="utf-8")
        + "INFO [backends.py:394] Compiling a graph for compile range (1, 8192) takes 20.11 s\n",
        encoding="utf-8",
    )
    output = run(settings, log, LogOverrides(gpu="h200"))
    assert "the compile cache was empty" in output
    assert "the log's GPU has 79.25 GiB" in output


def _gib(memory: Budget, name: str) -> float:
    return next(term.bytes for term in memory.terms if term.name == name) / GIB


def test_a_boot_with_a_filled_cache_is_compared_with_a_plan_that_does_not_compile() -> None:
    warm, cold = (
        spec_of(read_log(BOOTS / name), H100, CATALOGUE)
        for name in ("vllm-0.24.0-h100-qwen-7b-debug.log", "vllm-0.24.0-h100-llama-8b.log")
    )
    assert (warm.warm_cache, cold.warm_cache) == (True, False)
    activation = budget(warm).term("activation")
    assert activation is not None
    assert activation.bytes / GIB == pytest.approx(0.63, abs=0.01)


@pytest.mark.parametrize("log", sorted(BOOTS.glob("llama-server-11434-*.log")), ids=lambda path: path.stem)
def test_the_cache_of_a_small_llama_server_is_predicted(log: Path) -> None:
    measured = read_log(log)
    predicted = budget(spec_of(measured, H100, CATALOGUE))
    assert predicted.kv_tokens == measured.kv_tokens
    assert predicted.kv_bytes == pytest.approx(measured.kv_bytes, rel=0.001)


@pytest.mark.parametrize(
    ("log", "reason"), [("vllm-0.11-4090-context", "non-torch"), ("llama-server-cpu-smollm2", "no layer")]
)
def test_memory_of_another_machine_is_not_stored(settings: Settings, log: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        run(settings, BOOTS / f"{log}.log", H100, "lab")
    assert not load_corrections(settings, "lab").boots
