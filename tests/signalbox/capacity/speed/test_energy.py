"""Energy and cost: arithmetic by hand, measured watts, and price files."""

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
    one = spec("llama-3.1-8b", "h100", "bf16", tensor_parallel=2)  # two boards of 700 W
    energy_range = energy.wh_per_1k_tokens(one, speed(100, 200), prices)
    assert energy_range is not None
    assert energy_range.low == pytest.approx(700 * 1000 / 200 / 3600)
    assert energy_range.high == pytest.approx(1400 * 1000 / 100 / 3600)


def test_measured_watt_hours_are_in_the_range() -> None:
    prices = energy.load_prices()
    rows = [row for row in datafile.read_rows(DATA / "speeds.jsonl") if row.get("power_watts")]
    inside = 0
    for row in rows:
        one = speed_fit.spec_of(row, catalogue())
        tokens = row["requests"] * row["output_tokens"]
        seconds = row["prefill_seconds"] + tokens / row["decode_tokens_per_second"]
        measured = energy.measured_wh_per_1k_tokens(row["power_watts"] * seconds, tokens)
        expected = energy.wh_per_1k_tokens(
            one,
            estimate(
                one,
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


def test_watt_hours_follow_from_dcgms_energy() -> None:
    assert energy.measured_wh_per_1k_tokens(joules=3600, tokens=2000) == pytest.approx(0.5)  # 1 Wh
    with pytest.raises(InputError, match="tokens: got 0"):
        energy.measured_wh_per_1k_tokens(1.0, 0)


def test_rent_and_electricity_are_prices_times_time_and_energy() -> None:
    prices = replace(
        energy.load_prices(), gpu_hour={"h100": 3.6}, kwh=0.5, server_share=2.0, building_share=1.5
    )
    one = spec("llama-3.1-8b", "h100", "bf16", tensor_parallel=2)
    rent = energy.rent_per_1k_tokens(one, speed(100, 200), prices)
    assert rent == Interval(pytest.approx(0.01), pytest.approx(0.02))
    power = energy.electricity_per_1k_tokens(Interval(1.0, 2.0), prices)
    assert power == Interval(pytest.approx(0.0015), pytest.approx(0.003))


def test_an_unknown_figure_is_none_and_never_zero() -> None:
    prices = replace(energy.load_prices(), gpu_hour={}, kwh=None)
    one = spec("llama-3.1-8b", "h100", "bf16")
    assert energy.rent_per_1k_tokens(one, speed(1, 2), prices) is None
    assert energy.electricity_per_1k_tokens(Interval(1, 2), prices) is None
    unlimited = replace(one, gpu=replace(one.gpu, tdp_watts=None))
    assert energy.wh_per_1k_tokens(unlimited, speed(1, 2), prices) is None


def test_a_price_file_replaces_prices_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("currency: EUR\ngpu_hour:\n- {gpu: Tesla-T4, price: 0.1}\n", encoding="utf-8")
    prices = energy.load_prices(path, catalogue().gpu)
    assert prices.gpu_hour == {"t4": 0.1}
    assert (prices.currency, prices.source) == ("EUR", "prices.yaml")
    assert prices.kwh == energy.load_prices().kwh


def test_every_price_of_the_example_is_of_a_known_gpu_and_has_a_source() -> None:
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
        ("gpu_hour: [{gpu: l5, price: 1}]", "did you mean `l4`"),
        ("gpu_hour: [l4]", "Write {gpu: l4"),
        ("gpu_hour: []\nkwh: {price: -1}", "kwh: got -1"),
        ("{", "not valid YAML"),
    ],
)
def test_a_wrong_price_file_is_an_input_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        energy.load_prices(path, catalogue().gpu)


def test_a_missing_price_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        energy.load_prices(tmp_path / "none.yaml")
