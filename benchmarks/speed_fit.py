"""Fits the speed constants on the declared rows and tests them on the others: `python -m benchmarks.speed_fit`.

One constant per regime is fitted: the time per layer beyond reading memory. The spread covers 95 of 100 training rows,
plus a tenth, but is never below 1.35 (one kind of GPU was measured). Efficiency (0.85) and time per request (10 us) are
fixed and the same everywhere.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from signalbox.capacity import datafile
from signalbox.capacity.models import catalogue as catalogue_module
from signalbox.capacity.planner.choose import auto_dtype
from signalbox.capacity.spec import Spec
from signalbox.capacity.speed import throughput
from signalbox.capacity.speed.constants import load_speed_constants
from tools.capacity import DATA

Row = Mapping[str, Any]
_EXTRA = 1.1


def rows() -> list[dict[str, Any]]:
    """Measured speeds whose number of requests is known."""
    return [row for row in datafile.read_rows(DATA / "speeds.jsonl") if "requests" in row]


def spec_of(row: Row, catalogue: catalogue_module.Catalogue) -> Spec:
    model = catalogue.model(row["model"]).architecture
    gpu, quantization = catalogue.gpu(row["gpu"]), catalogue.quantization(row["quantization"])
    return Spec(
        model=model,
        gpu=gpu,
        engine=catalogue.engine(row["engine"]),
        quantization=quantization,
        dtype=auto_dtype(model, gpu, quantization),
        context=model.max_positions,
        tensor_parallel=row["tensor_parallel"],
        pipeline_parallel=row.get("pipeline_parallel", 1),
        eager=bool(row.get("eager")),
    )


def measured(row: Row) -> tuple[str, float]:
    """Which figure of an estimate a row measures, and its value."""
    if "decode_tokens_per_second" in row:
        return "decode_tokens_per_second", row["decode_tokens_per_second"]
    return "output_tokens_per_second", row["output_tokens_per_second"]


def estimate(row: Row, spec: Spec) -> throughput.Throughput:
    return throughput.estimate(
        spec,
        requests=row["requests"],
        input_tokens=max(1, row["input_tokens"]),
        output_tokens=row["output_tokens"],
    )


def run() -> list[dict[str, object]]:
    """A row per regime: the fit of the training rows, and how many measured speeds are in the range."""
    catalogue = catalogue_module.load()
    constants = load_speed_constants()
    by_regime: dict[str, list[tuple[Row, Spec]]] = defaultdict(list)
    for row in rows():
        spec = spec_of(row, catalogue)
        by_regime[constants.decode_name(spec)].append((row, spec))
    report: list[dict[str, object]] = []
    for name, pairs in by_regime.items():
        training = [pair for pair in pairs if pair[0]["id"].startswith(constants.decode[name].rows)]
        micro = min(range(0, 600, 5), key=lambda us: _error(training, us))
        report.append(
            {
                "regime": name,
                "layer_us": micro,
                "spread": _spread(training, micro),
                "training": _in_range_count(training),
                "test": _in_range_count([pair for pair in pairs if pair not in training]),
                "prompts": _prompts(pairs),
            }
        )
    return report


def _spread(pairs: Sequence[tuple[Row, Spec]], micro: int) -> float:
    """The spread that covers 95 of 100 training rows, plus a tenth."""
    off = sorted(abs(_residual(row, spec, micro)) for row, spec in pairs)
    return _EXTRA * math.exp(off[math.ceil(0.95 * len(off)) - 1])


def _error(pairs: Iterable[tuple[Row, Spec]], micro: int) -> float:
    return sum(_residual(row, spec, micro) ** 2 for row, spec in pairs)


def _residual(row: Row, spec: Spec, micro: int) -> float:
    """Logarithm of measured over predicted time of a step, at that time per layer."""
    model = throughput.SpeedModel(spec)
    trial = throughput.SpeedModel(spec, replace(model.decode, layer_seconds=micro * 1e-6))
    tokens = row["input_tokens"] + row["output_tokens"] // 2
    step = trial.step_seconds(row["requests"], tokens)
    what, value = measured(row)
    seconds = row["requests"] / value
    if what == "output_tokens_per_second":
        prompt = model.prefill_seconds(max(1, row["input_tokens"]))
        seconds -= math.sqrt(prompt.low * prompt.high) / row["output_tokens"]
    return math.log(max(seconds, 1e-6) / step)


def _in_range_count(pairs: Sequence[tuple[Row, Spec]]) -> str:
    inside = sum(in_range(row, spec) for row, spec in pairs)
    return f"{inside}/{len(pairs)}"


def in_range(row: Row, spec: Spec) -> bool:
    """Whether the measured speed is in the estimated range."""
    what, value = measured(row)
    interval: throughput.Interval = getattr(estimate(row, spec), what)
    return interval.holds(value)


def _prompts(pairs: Sequence[tuple[Row, Spec]]) -> str:
    timed = [pair for pair in pairs if "prefill_seconds" in pair[0]]
    inside = sum(
        throughput.SpeedModel(spec)
        .prefill_seconds(row["input_tokens"], row["requests"])
        .holds(row["prefill_seconds"])
        for row, spec in timed
    )
    return f"{inside}/{len(timed)}"


if __name__ == "__main__":
    for line in run():
        print(line)
