"""Energy and cost: arithmetic by hand, measured watts, and price files of one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import speed_fit
from signalbox.capacity import datafile
from signalbox.capacity.speed import energy
from signalbox.capacity.speed.throughput import Interval, Throughput, estimate
from signalbox.errors import InputError
from tests.signalbox.capacity.specs import catalogue, spec
from tools.capacity import DATA


def speed(low: float, high: float, requests: int = 64) -> Throughput:
    rate = Interval(low, high)
    return Throughput(requests, rate, rate, rate, Interval(0.1, 0.2), "by hand", "by hand")


def test_watt_hours_are_watts_over_tokens() -> None:
    prices = replace(energy.load_prices(), power_low=0.5, power_high=1.0)
    asked = spec("llama-3.1-8b", "h100", "bf16", tensor_parallel=2)  # two boards of 700 W
    found = energy.wh_per_1k_tokens(asked, speed(100, 200), prices)
    assert found is not None
    assert found.low == pytest.approx(700 * 1000 / 200 / 3600)
    assert found.high == pytest.approx(1400 * 1000 / 100 / 3600)


def test_measured_watt_hours_lie_in_the_range() -> None:
    prices = energy.load_prices()
    rows = [row for row in datafile.read_rows(DATA / "speeds.jsonl") if row.get("power_watts")]
    inside = 0
    for row in rows:
        asked = speed_fit.spec_of(row, catalogue())
        tokens = row["requests"] * row["output_tokens"]
        seconds = row["prefill_seconds"] + tokens / row["decode_tokens_per_second"]
        measured = energy.measured_wh_of_power(row["power_watts"], seconds, tokens)
        expected = energy.wh_per_1k_tokens(
            asked,
            estimate(
                asked,
                requests=row["requests"],
                input_tokens=row["input_tokens"],
                output_tokens=row["output_tokens"],
            ),
            prices,
        )
        assert expected is not None
        inside += expected.holds(measured)
    assert len(rows) >= 9
    assert inside >= 0.9 * len(rows)


def test_both_readings_of_dcgm_agree() -> None:
    by_energy = energy.measured_wh_per_1k_tokens(millijoules=3_600_000, tokens=2000)  # 1 Wh
    assert by_energy == pytest.approx(0.5)
    assert energy.measured_wh_of_power(watts=360, seconds=10, tokens=2000) == pytest.approx(by_energy)
    with pytest.raises(InputError, match="tokens: got 0"):
        energy.measured_wh_per_1k_tokens(1.0, 0)


def test_rent_and_electricity_are_prices_times_time_and_energy() -> None:
    prices = replace(
        energy.load_prices(), gpu_hour={"h100": 3.6}, kwh=0.5, server_share=2.0, building_share=1.5
    )
    asked = spec("llama-3.1-8b", "h100", "bf16", tensor_parallel=2)
    rent = energy.rent_per_1k_tokens(asked, speed(100, 200), prices)
    assert rent == Interval(pytest.approx(0.01), pytest.approx(0.02))
    power = energy.electricity_per_1k_tokens(Interval(1.0, 2.0), prices)
    assert power == Interval(pytest.approx(0.0015), pytest.approx(0.003))
    assert energy.per_1k_answers(Interval(0.01, 0.02), 128) == Interval(
        pytest.approx(1.28), pytest.approx(2.56)
    )


def test_what_is_not_known_is_none_and_never_zero() -> None:
    prices = replace(energy.load_prices(), gpu_hour={}, kwh=None)
    asked = spec("llama-3.1-8b", "h100", "bf16")
    assert energy.rent_per_1k_tokens(asked, speed(1, 2), prices) is None
    assert energy.electricity_per_1k_tokens(Interval(1, 2), prices) is None
    unlimited = replace(asked, gpu=replace(asked.gpu, tdp_watts=None))
    assert energy.wh_per_1k_tokens(unlimited, speed(1, 2), prices) is None


def test_a_file_of_ones_own_replaces_prices_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("currency: EUR\ngpu_hour:\n- {gpu: Tesla-T4, price: 0.1}\n", encoding="utf-8")
    prices = energy.load_prices(path, catalogue().gpu)
    assert prices.gpu_hour == {"t4": 0.1}
    assert (prices.currency, prices.source) == ("EUR", "prices.yaml")
    assert prices.kwh == energy.load_prices().kwh


def test_every_price_of_the_example_is_a_known_gpu_and_says_what_it_is() -> None:
    table = datafile.read("prices.yaml")
    assert set(energy.load_prices(gpu=catalogue().gpu).gpu_hour) == {row["gpu"] for row in table["gpu_hour"]}
    for row in [*table["gpu_hour"], table["kwh"]]:
        assert row["source"]
        assert row["as_of"].year >= 2026


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu_hour: 3", "Give a list gpu_hour"),
        ("- a", "Give a list gpu_hour"),
        ("gpu_hour: [{gpu: l4, price: -1}]", "gpu_hour: got -1"),
        ("gpu_hour: [{gpu: l4, price: cheap}]", "gpu_hour: got 'cheap'"),
        ("gpu_hour: [{gpu: l4, price: .inf}]", "gpu_hour: got inf"),
        ("gpu_hour: [{gpu: l5, price: 1}]", "Nearest: l4"),
        ("gpu_hour: [l4]", "Write {gpu: l4"),
        ("gpu_hour: []\nkwh: {price: -1}", "kwh: got -1"),
        ("{", "It is no YAML|it is no YAML"),
    ],
)
def test_a_wrong_price_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        energy.load_prices(path, catalogue().gpu)


def test_a_missing_price_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        energy.load_prices(tmp_path / "none.yaml")
