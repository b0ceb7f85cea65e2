"""Warnings and notes beyond the support rules."""

from dataclasses import replace

import pytest

from signalbox.capacity.memory import budget
from signalbox.capacity.planner.evaluate import evaluate_spec
from signalbox.capacity.planner.warnings import notes, warnings
from signalbox.capacity.units import GIB
from tests.signalbox.capacity.specs import spec


def rules(evaluation):
    return {remark.rule: remark for remark in warnings(evaluation)}


def all_notes(evaluation):
    return " ".join(notes(evaluation))


def test_the_gain_of_a_warm_compile_cache_is_a_note():
    first = spec("llama-3.1-8b", "l4", "bf16")
    gain = (budget(replace(first, warm_cache=True)).kv_bytes - budget(first).kv_bytes) / GIB
    assert f"{gain:.2f} GiB more is available" in all_notes(evaluate_spec(first))


@pytest.mark.parametrize("change", [{"eager": True}, {"warm_cache": True}])
def test_a_start_that_does_not_compile_gains_nothing(change):
    assert "cold start" not in all_notes(evaluate_spec(spec("llama-3.1-8b", "l4", "bf16", **change)))


@pytest.mark.parametrize(("engine", "expected"), [("tgi", True), ("vllm", False)])
def test_a_second_copy_of_the_head_is_a_note_of_the_engine_that_loads_it(engine, expected):
    text = all_notes(evaluate_spec(spec("llama-3.2-1b", "l4", "fp8", engine)))
    assert ("second copy of the embedding" in text) is expected


def test_assumptions_about_an_architecture_are_notes():
    llama = spec("llama-3.1-8b", "l4", "bf16")
    assumption = "vision tower x is unknown: counted as a plain transformer"
    model = replace(llama.model, assumptions=(assumption,))
    assert assumption in list(notes(evaluate_spec(replace(llama, model=model))))


@pytest.mark.parametrize(
    ("version", "expected"),
    [("0.5", True), ("0.15.1", False), ("0.22.1", True), ("0.24.0", False), ("0.30.1", False), ("1.0", True)],
)
def test_a_version_without_measured_logs_is_a_warning(version, expected):
    evaluation = evaluate_spec(spec("llama-3.1-8b", "h100", "bf16", version=version))
    assert ("unread-version" in rules(evaluation)) is expected


def test_a_format_of_experts_is_pointless_without_experts():
    applied = rules(evaluate_spec(spec("llama-3.1-8b", "h100", "mxfp4")))
    assert "no-experts" in applied
    assert "quantized-checkpoint" not in applied
