"""Predicted against measured: the spec of a log, the terms of both, what is stored and used again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signalbox.capacity.boot_logs.boot import MeasuredBoot
from signalbox.capacity.boot_logs.compare import boot_of, compare
from signalbox.capacity.boot_logs.corrections import load_corrections, store_boot
from signalbox.capacity.boot_logs.parse import read_log
from signalbox.capacity.boot_logs.spec_from_log import LogOverrides, spec_of
from signalbox.capacity.budget import Budget
from signalbox.capacity.memory import budget
from signalbox.capacity.models.catalogue import load
from signalbox.capacity.units import GIB
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
