"""Energy and cost of 1,000 output tokens, predicted from the board's power limit.

Watt hours are of the GPUs; electricity adds the rest of the server and the building by the price table's shares.
Prices are an example (data/prices.yaml) unless a price file is specified.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from signalbox.capacity.datafile import read
from signalbox.capacity.spec import Gpu, Spec
from signalbox.capacity.speed.throughput import Interval, Throughput
from signalbox.errors import InputError

_THOUSAND, _HOUR_SECONDS = 1000, 3600
_BUSY_REQUESTS = 64  # this many concurrent requests and more draw the highest share that was measured
_ALONE_SHARE = 0.7  # the most that a single request drew


@dataclass(frozen=True)
class Prices:
    """A price table. `gpu_hour` is by the catalogue's name of a GPU, `kwh` is None without a price of electricity."""

    currency: str
    gpu_hour: Mapping[str, float]
    kwh: float | None
    server_share: float
    building_share: float
    power_low: float
    power_high: float
    source: str


def load_prices(path: Path | None = None, gpu: Callable[[str], Gpu] | None = None) -> Prices:
    """The example table, or a price file of the same form; other fields than GPU prices default to the example's.

    `gpu` finds a GPU by any of its names. A file that cannot be read or a price below 0 is an InputError.
    """
    example = read("prices.yaml")
    merged = example if path is None else {**example, **_read(path)}
    where = "data/prices.yaml (example)" if path is None else path.name
    hours = {_name(row, gpu): _price(row, "gpu_hour", where) for row in merged["gpu_hour"]}
    electricity = merged.get("kwh")
    return Prices(
        currency=str(merged["currency"]),
        gpu_hour=hours,
        kwh=None if electricity is None else _price(electricity, "kwh", where),
        server_share=float(merged["server_share"]["value"]),
        building_share=float(merged["building_share"]["value"]),
        power_low=float(merged["power_share"]["low"]),
        power_high=float(merged["power_share"]["high"]),
        source=where,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or "not valid YAML"
        problem = f"cannot read `{path}` (`--prices`): {reason}"
        raise InputError("--prices", str(path), "Check the path.", problem=problem) from error
    if not isinstance(table, dict) or not isinstance(table.get("gpu_hour"), list):
        raise InputError("--prices", str(path), "Give a list gpu_hour of rows {gpu: l4, price: 0.7}.")
    return table


def _name(row: Any, gpu: Callable[[str], Gpu] | None) -> str:  # noqa: ANN401 - YAML
    if not isinstance(row, dict) or "gpu" not in row:
        raise InputError("gpu_hour", row, "Write {gpu: l4, price: 0.7}.")
    return str(row["gpu"]) if gpu is None else gpu(str(row["gpu"])).name


def _price(row: Any, field: str, where: str) -> float:  # noqa: ANN401 - YAML
    value = row.get("price") if isinstance(row, dict) else row
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise InputError(field, value, f"Give a price of 0 or more in {where}.")
    return float(value)


def power_watts(spec: Spec, requests: int, prices: Prices) -> Interval | None:
    """Watts of all GPUs of a configuration while they generate; None where the power limit is unknown."""
    limit = spec.gpu.tdp_watts
    if limit is None:
        return None
    busy = min(1.0, math.log2(max(1, requests)) / math.log2(_BUSY_REQUESTS))
    high = _ALONE_SHARE + (prices.power_high - _ALONE_SHARE) * busy
    gpus = spec.gpus
    return Interval(prices.power_low * limit * gpus, max(prices.power_low, high) * limit * gpus)


def wh_per_1k_tokens(spec: Spec, speed: Throughput, prices: Prices) -> Interval | None:
    """Watt hours of the GPUs for 1,000 output tokens, prompts included."""
    watts, rate = power_watts(spec, speed.requests, prices), speed.output_tokens_per_second
    if watts is None:
        return None
    return Interval(_wh(watts.low, rate.high), _wh(watts.high, rate.low))


def _wh(watts: float, tokens_per_second: float) -> float:
    return watts * _THOUSAND / tokens_per_second / _HOUR_SECONDS


def measured_wh_per_1k_tokens(joules: float, tokens: int) -> float:
    """Watt hours for 1,000 tokens from DCGM's readings, to compare with the prediction (tests, dashboards).

    `joules`: the increase of DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION (mJ) / 1000, or the mean of
    DCGM_FI_DEV_POWER_USAGE (W) x seconds.
    """
    if tokens < 1 or joules < 0:
        raise InputError("tokens", tokens, "Give at least one token, and an energy of 0 or more.")
    return joules / _HOUR_SECONDS / tokens * _THOUSAND


def electricity_per_1k_tokens(wh: Interval, prices: Prices) -> Interval | None:
    """Cost of the electricity for 1,000 tokens on own GPUs, server and cooling included."""
    if prices.kwh is None:
        return None
    factor = prices.kwh / _THOUSAND * prices.server_share * prices.building_share
    return Interval(wh.low * factor, wh.high * factor)


def rent_per_1k_tokens(spec: Spec, speed: Throughput, prices: Prices) -> Interval | None:
    """Rent of the GPUs for the time of 1,000 output tokens, without idle time."""
    hour = prices.gpu_hour.get(spec.gpu.name)
    if hour is None:
        return None
    rate = speed.output_tokens_per_second
    whole = hour * spec.gpus / _HOUR_SECONDS * _THOUSAND
    return Interval(whole / rate.high, whole / rate.low)
