"""What the page's sliders show: the plan of every step, computed here so that the page computes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from signalbox.capacity.budget import Budget, TermName
from signalbox.capacity.gpu_names import quantity
from signalbox.capacity.memory import budget
from signalbox.capacity.planner.evaluate import Evaluation, largest_context
from signalbox.capacity.planner.outlook import throughput_of
from signalbox.capacity.planner.result import Workload
from signalbox.capacity.spec import Spec
from signalbox.capacity.speed.energy import Prices, wh_per_1k_tokens
from signalbox.capacity.speed.throughput import Interval
from signalbox.capacity.units import GIB

TERMS: tuple[TermName, ...] = ("weights", "activation", "graphs", "non_torch")
_REQUESTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SMALLEST = 1024


def machine_grid(evaluation: Evaluation, workload: Workload, prices: Prices) -> dict[str, Any]:
    """One machine: its name, the steps of both sliders, and a cell for each pair of steps."""
    spec = evaluation.spec
    contexts = sorted({*_contexts(spec), spec.context})
    requests = sorted({*_REQUESTS, spec.concurrency or 1})
    return {
        "name": quantity(evaluation.gpus, spec.gpu.name),
        "quantization": spec.quantization.name,
        "gpus": evaluation.gpus,
        "kvCache": bool(spec.model.kv_groups),
        "unsupported": " ".join(row.reason for row in evaluation.violations),
        "total": round(spec.gpu.total_bytes / GIB, 2),
        "contexts": contexts,
        "requests": requests,
        "start": [contexts.index(spec.context), _start(evaluation, requests)],
        "cells": [
            [_cell(evaluation, context, number, workload, prices) for number in requests]
            for context in contexts
        ],
    }


def _contexts(spec: Spec) -> Iterator[int]:
    """Powers of two and their halves between, up to the model's positions; and the exact largest that fits."""
    limit = spec.model.max_positions
    step = _SMALLEST
    while step < limit:
        yield step
        if step + step // 2 < limit:
            yield step + step // 2
        step *= 2
    yield limit
    if largest := largest_context(spec):
        yield largest


def _start(evaluation: Evaluation, requests: list[int]) -> int:
    """As many requests as fit, so that the page opens on a plan that works."""
    wish = evaluation.spec.concurrency or int(evaluation.budget.max_concurrency)
    return max((i for i, number in enumerate(requests) if number <= max(1, wish)), default=0)


def _cell(
    evaluation: Evaluation, context: int, requests: int, workload: Workload, prices: Prices
) -> list[float | int | None]:
    """Fits (1, 0), GiB of each term, of the cache and of the reserve, requests that fit, tokens/s, Wh."""
    spec = replace(evaluation.spec, context=context, concurrency=requests)
    memory = budget(spec)
    enough = (
        memory.max_concurrency >= requests or not spec.model.kv_groups
    )  # without a cache, others only queue
    fits = memory.fits and enough and not evaluation.violations
    speed = energy = None
    if fits and (throughput := throughput_of(replace(evaluation, spec=spec, budget=memory), workload)):
        speed = throughput.output_tokens_per_second
        energy = wh_per_1k_tokens(spec, throughput, prices)
    return [
        int(fits),
        *(_gib(memory, name) for name in TERMS),
        round(memory.kv_bytes / GIB, 2),
        _gib(memory, "reserve"),
        round(memory.max_concurrency, 1),
        *_ends(speed, 0),
        *_ends(energy, 3),
    ]


def _gib(memory: Budget, name: TermName) -> float:
    term = memory.term(name)
    return round(term.bytes / GIB, 2) if term else 0.0


def _ends(interval: Interval | None, digits: int) -> tuple[float | None, float | None]:
    if interval is None:
        return None, None
    return round(interval.low, digits), round(interval.high, digits)
