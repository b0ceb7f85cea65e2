"""What follows from a set-up that was chosen: speed, energy and cost, and how the engine is started."""

from __future__ import annotations

from typing import Any

from signalbox.capacity.planner.choose import Judged
from signalbox.capacity.planner.engine_args import start
from signalbox.capacity.planner.result import Costs, Range, Speed, Workload
from signalbox.capacity.speed.energy import (
    Prices,
    electricity_per_1k_tokens,
    load_prices,
    rent_per_1k_tokens,
    wh_per_1k_tokens,
)
from signalbox.capacity.speed.throughput import Interval, Throughput, estimate

_REQUESTS = 16  # at once, where nobody says how many


def throughput_of(judged: Judged, workload: Workload) -> Throughput | None:
    """Expected speed with the requests asked for, as far as they are held; None where nothing starts."""
    if not judged.fits:
        return None
    wanted = judged.spec.concurrency or _REQUESTS
    return estimate(
        judged.spec,
        requests=max(1, min(wanted, int(judged.budget.max_concurrency))),
        input_tokens=workload.input_tokens,
        output_tokens=workload.output_tokens,
    )


def speed_of(found: Throughput | None) -> Speed | None:
    """The same as fields of the answer."""
    if found is None:
        return None
    return Speed(
        requests=found.requests,
        output_tokens_per_second=_range(found.output_tokens_per_second),
        request_tokens_per_second=_range(found.request_tokens_per_second),
        first_token_seconds=_range(found.first_token_seconds),
        basis=found.basis,
        source=found.source,
    )


def costs_of(judged: Judged, speed: Throughput | None, prices: Prices | None) -> Costs | None:
    """Energy by the board's power limit; money where somebody gave prices, for the package's are an example."""
    if speed is None:
        return None
    energy = wh_per_1k_tokens(judged.spec, speed, prices or load_prices())
    bill = electricity_per_1k_tokens(energy, prices) if energy and prices else None
    rent = rent_per_1k_tokens(judged.spec, speed, prices) if prices else None
    return Costs(
        wh_per_1k_tokens=_range(energy) if energy else None,
        electricity_per_1k_tokens=_range(bill) if bill else None,
        rent_per_1k_tokens=_range(rent) if rent else None,
        currency=prices.currency if prices else None,
        gpu_hour_price=prices.gpu_hour.get(judged.spec.gpu.name) if prices else None,
        source=prices.source
        if prices
        else "energy of the GPUs by their power limit; --prices FILE adds money",
    )


def _range(found: Interval) -> Range:
    return Range(low=found.low, high=found.high)


def start_of(judged: Judged) -> dict[str, Any]:
    """Program, arguments and environment of the engine, as fields of the answer."""
    found = start(judged.spec)
    return {"program": found.program, "flags": found.arguments, "environment": dict(found.environment)}
