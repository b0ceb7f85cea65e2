"""Speed ranges: how many measured rows they hold that no constant was fitted on, and what must be monotone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import speed_fit
from signalbox.capacity import datafile
from signalbox.capacity.spec import Spec
from signalbox.capacity.speed import throughput
from signalbox.capacity.speed.constants import load_speed_constants
from signalbox.errors import InputError
from tests.signalbox.capacity.specs import catalogue, spec
from tools.capacity import DATA


def measured_rows() -> dict[str, list[tuple[speed_fit.Row, Spec]]]:
    """Rows of the test half, by regime."""
    constants = load_speed_constants()
    rows = defaultdict(list)
    for row in speed_fit.rows():
        one = speed_fit.spec_of(row, catalogue())
        regime = constants.decode_name(one)
        if not row["id"].startswith(constants.decode[regime].rows):
            rows[regime].append((row, one))
    return rows


def test_nine_of_ten_test_rows_are_in_the_range() -> None:
    pairs = [pair for rows in measured_rows().values() for pair in rows]
    inside = [row["id"] for row, one in pairs if speed_fit.in_range(row, one)]
    assert len(pairs) >= 70
    assert len(inside) >= 0.9 * len(pairs), sorted({row["id"] for row, _ in pairs} - set(inside))


def test_fitted_constants_are_what_the_training_rows_give() -> None:
    decode = load_speed_constants().decode
    for row in speed_fit.run():
        constants = decode[str(row["regime"])]
        assert constants.layer_seconds * 1e6 == pytest.approx(row["layer_us"]), row
        assert constants.spread >= min(1.35, float(str(row["spread"]))), row


def test_inter_token_times_under_unknown_load_are_between_one_and_64_requests() -> None:
    rows = [row for row in datafile.read_rows(DATA / "speeds.jsonl") if "itl_seconds" in row]
    inside = 0
    for row in rows:
        one = speed_fit.spec_of(row, catalogue())
        alone, busy = (
            throughput.estimate(one, requests=n, input_tokens=512, output_tokens=256).decode_tokens_per_second
            for n in (1, 64)
        )
        inside += 1 / alone.high <= row["itl_seconds"] <= 64 / busy.low
    assert inside >= 0.9 * len(rows)


def test_a_range_is_never_a_point_and_has_a_source() -> None:
    speed = throughput.estimate(
        spec("llama-3.1-8b", "l4", "awq"), requests=4, input_tokens=512, output_tokens=128
    )
    for interval in (
        speed.output_tokens_per_second,
        speed.request_tokens_per_second,
        speed.first_token_seconds,
    ):
        assert 0 < interval.low < interval.high
    assert speed.output_tokens_per_second.low == pytest.approx(4 * speed.request_tokens_per_second.low)
    assert "queueing" in speed.basis
    assert "fitted on" in speed.source
    tgi = spec("llama-3.1-8b", "l4", "bf16", "tgi")
    assert "assumed" in throughput.estimate(tgi, requests=1, input_tokens=9, output_tokens=9).source


def test_few_requests_read_few_experts() -> None:
    mixtral = spec("mixtral-8x7b", "h100", "bf16", tensor_parallel=2)
    few, many = (throughput.SpeedModel(mixtral).weight_bytes(n) for n in (1, 64))
    experts = mixtral.model.parameters.experts
    assert many - few == pytest.approx(experts * (1 - 2 / 8), rel=1e-3)  # of 2 bytes, on two ranks


def test_eight_bit_weights_are_faster_and_slow_kernels_widen_the_range() -> None:
    def speed(quantization: str) -> throughput.Interval:
        one = spec("llama-3.1-8b", "h100", quantization)
        return throughput.estimate(
            one, requests=1, input_tokens=64, output_tokens=64
        ).output_tokens_per_second

    assert speed("fp8").low > speed("bf16").low
    slow, plain = speed("bnb-nf4"), speed("gptq-int4")
    assert slow.high / slow.low > plain.high / plain.low


def test_a_link_between_gpus_costs_more_without_nvlink() -> None:
    split = spec("llama-3.1-8b", "h100", "bf16", tensor_parallel=2)
    apart = replace(split, gpu=replace(split.gpu, nvlink_gbps=0))
    slow, fast = (throughput.SpeedModel(one).step_seconds(8, 512) for one in (apart, split))
    assert slow > fast


@settings(max_examples=80)
@given(
    requests=st.integers(1, 200),
    tokens=st.integers(1, 30_000),
    model=st.sampled_from(["llama-3.1-8b", "gemma-2-9b-it", "qwen3-30b-a3b", "deepseek-v2-lite-chat"]),
    gpu=st.sampled_from(["t4", "l4", "a100", "h100"]),
)
def test_more_requests_and_longer_ones_take_longer_steps(
    requests: int, tokens: int, model: str, gpu: str
) -> None:
    one = spec(model, gpu, "fp16" if gpu == "t4" else "bf16")
    times = throughput.SpeedModel(one)
    step = times.step_seconds(requests, tokens)
    assert times.step_seconds(requests + 1, tokens) > step
    assert times.step_seconds(requests, tokens + 100) >= step
    prompt = times.prefill_seconds(tokens, requests)
    longer = times.prefill_seconds(tokens + 100, requests)
    assert longer.low >= prompt.low
    assert longer.high >= prompt.high


@pytest.mark.parametrize("field", ["requests", "input_tokens", "output_tokens"])
def test_numbers_below_one_are_an_input_error(field: str) -> None:
    numbers = {"requests": 1, "input_tokens": 1, "output_tokens": 1, field: 0}
    with pytest.raises(InputError, match=f"{field}: got 0"):
        throughput.estimate(spec("llama-3.1-8b", "l4", "bf16"), **numbers)
