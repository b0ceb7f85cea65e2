"""What a plan warns of, beyond the support rules."""

from dataclasses import replace

import pytest

from signalbox.capacity.memory import budget
from signalbox.capacity.planner.plan import judge
from signalbox.capacity.planner.warnings import remarks
from signalbox.capacity.units import GIB
from tests.signalbox.capacity.specs import spec


def rules(judged):
    return {remark.rule: remark for remark in remarks(judged)}


def test_what_a_kept_compile_cache_gains_is_said():
    first = spec("llama-3.1-8b", "l4", "bf16")
    gain = (budget(replace(first, warm_cache=True)).kv_bytes - budget(first).kv_bytes) / GIB
    assert f"{gain:.2f} GiB more" in rules(judge(first))["cold-first-boot"].reason


@pytest.mark.parametrize("change", [{"eager": True}, {"warm_cache": True}])
def test_a_start_that_does_not_compile_gains_nothing(change):
    assert "cold-first-boot" not in rules(judge(spec("llama-3.1-8b", "l4", "bf16", **change)))


@pytest.mark.parametrize(("engine", "said"), [("tgi", True), ("vllm", False)])
def test_a_second_copy_of_the_head_is_said_of_the_engine_that_holds_it(engine, said):
    assert ("tied-head-copy" in rules(judge(spec("llama-3.2-1b", "l4", "fp8", engine)))) is said


@pytest.mark.parametrize(
    ("version", "said"), [("0.5", True), ("0.24.0", False), ("0.30.1", False), ("1.0", True)]
)
def test_a_version_whose_starts_were_not_read_is_said(version, said):
    assert ("unread-version" in rules(judge(spec("llama-3.1-8b", "h100", "bf16", version=version)))) is said


def test_a_format_of_experts_is_pointless_without_experts():
    found = rules(judge(spec("llama-3.1-8b", "h100", "mxfp4")))
    assert "no-experts" in found
    assert "quantized-checkpoint" not in found
