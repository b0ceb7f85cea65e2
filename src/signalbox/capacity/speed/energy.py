"""Energy and money for 1,000 tokens: from the board's power limit before, from DCGM's readings afterwards.

Watt hours are of the GPUs; `electricity` adds the rest of the server and the building by the shares of the price table.
Prices are an example (data/prices.yaml) until a file of one's own is given.
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

_THOUSAND, _HOUR_SECONDS, _MILLI = 1000, 3600, 1e-3
_BUSY_REQUESTS = 64  # so many at once and more draw the highest share that was measured
_ALONE_SHARE = 0.7  # the most that a single request drew


@dataclass(frozen=True)
class Prices:
    """A price table. `gpu_hour` by the catalogue's name of a GPU; None where no price of electricity is given."""

    currency: str
    gpu_hour: Mapping[str, float]
    kwh: float | None
    server_share: float
    building_share: float
    power_low: float
    power_high: float
    source: str


def load_prices(path: Path | None = None, gpu: Callable[[str], Gpu] | None = None) -> Prices:
    """The example table, or a file of the same form; what it leaves out is the example's, but no GPU's price.

    `gpu` finds a GPU by any of its names. A file that cannot be read or a price below 0 is an InputError.
    """
    example = read("prices.yaml")
    given = example if path is None else _read(path)
    merged = {**example, **given}
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
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or "it is no YAML"
        raise InputError("--prices", str(path), f"It cannot be read: {reason}.") from error
    if not isinstance(found, dict) or not isinstance(found.get("gpu_hour"), list):
        raise InputError("--prices", str(path), "Give a list gpu_hour of rows {gpu: l4, price: 0.7}.")
    return found


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
    """Watts of all GPUs of a set-up while they generate; None where the power limit is not known."""
    limit = spec.gpu.tdp_watts
    if limit is None:
        return None
    busy = min(1.0, math.log2(max(1, requests)) / math.log2(_BUSY_REQUESTS))
    high = _ALONE_SHARE + (prices.power_high - _ALONE_SHARE) * busy
    gpus = spec.tensor_parallel * spec.pipeline_parallel
    return Interval(prices.power_low * limit * gpus, max(prices.power_low, high) * limit * gpus)


def wh_per_1k_tokens(spec: Spec, speed: Throughput, prices: Prices) -> Interval | None:
    """Watt hours of the GPUs for 1,000 output tokens, prompts included."""
    watts, rate = power_watts(spec, speed.requests, prices), speed.output_tokens_per_second
    if watts is None:
        return None
    return Interval(_wh(watts.low, rate.high), _wh(watts.high, rate.low))


def _wh(watts: float, tokens_per_second: float) -> float:
    return watts * _THOUSAND / tokens_per_second / _HOUR_SECONDS


def measured_wh_per_1k_tokens(millijoules: float, tokens: int) -> float:
    """From the increase of DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION, in mJ, over so many tokens."""
    if tokens < 1 or millijoules < 0:
        raise InputError("tokens", tokens, "Give at least one token, and an increase of 0 or more.")
    return millijoules * _MILLI / _HOUR_SECONDS / tokens * _THOUSAND


def measured_wh_of_power(watts: float, seconds: float, tokens: int) -> float:
    """From the mean of DCGM_FI_DEV_POWER_USAGE over so many seconds and tokens."""
    return measured_wh_per_1k_tokens(watts * seconds / _MILLI, tokens)


def electricity_per_1k_tokens(wh: Interval, prices: Prices) -> Interval | None:
    """Money for the electricity of 1,000 tokens on one's own GPUs, server and cooling included."""
    if prices.kwh is None:
        return None
    factor = prices.kwh / _THOUSAND * prices.server_share * prices.building_share
    return Interval(wh.low * factor, wh.high * factor)


def rent_per_1k_tokens(spec: Spec, speed: Throughput, prices: Prices) -> Interval | None:
    """Money for renting the GPUs for as long as 1,000 output tokens take, when they are never idle."""
    hour = prices.gpu_hour.get(spec.gpu.name)
    if hour is None:
        return None
    rate = speed.output_tokens_per_second
    whole = hour * spec.tensor_parallel * spec.pipeline_parallel / _HOUR_SECONDS * _THOUSAND
    return Interval(whole / rate.high, whole / rate.low)


def per_1k_answers(per_1k_tokens: Interval, output_tokens: int) -> Interval:
    """The same for 1,000 answers of that length."""
    return Interval(per_1k_tokens.low * output_tokens, per_1k_tokens.high * output_tokens)
