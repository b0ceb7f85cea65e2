"""An evaluation as Prometheus metrics in a textfile, for node_exporter's textfile collector (decision 0002)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, write_to_textfile

from signalbox.contracts import metrics as names

if TYPE_CHECKING:
    from pipelines.evaluate import Evaluation


def write(folder: Path, evaluation: Evaluation) -> Path:
    """Write `evaluate-TASK-ROUTE.prom` atomically; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    registry = CollectorRegistry()
    for language, summary in evaluation.summaries.items():
        where = (evaluation.task, language, evaluation.route, evaluation.release_key)
        values: list[tuple[names.Metric, tuple[str, ...], float | None]] = [
            (names.EVAL_ACCURACY, where, summary.accuracy),
            (names.EVAL_ACCURACY_BOUND, (*where, "low"), summary.interval[0]),
            (names.EVAL_ACCURACY_BOUND, (*where, "high"), summary.interval[1]),
            (names.EVAL_BRIER, where, summary.brier),
            (names.EVAL_ECE, where, summary.ece),
            (names.EVAL_ROWS, where, float(summary.rows)),
        ]
        values += [(names.EVAL_LATENCY, (*where, f"{q:g}"), s) for q, s in summary.latency_seconds.items()]
        for light, share in summary.lights.items():
            values.append((names.EVAL_COVERAGE, (*where, light), share.coverage))
            values.append((names.EVAL_LIGHT_ERROR, (*where, light), share.error))
        for baseline, value in summary.baselines.items():
            values.append((names.EVAL_BASELINE, (evaluation.task, language, baseline), value))
        _set(registry, values)
    _set(registry, [(names.JOB_LAST_SUCCESS, (f"evaluate-{evaluation.route}",), time.time())])
    path = folder / f"evaluate-{evaluation.task}-{evaluation.route}.prom"
    write_to_textfile(str(path), registry)
    return path


def _set(
    registry: CollectorRegistry, values: list[tuple[names.Metric, tuple[str, ...], float | None]]
) -> None:
    for metric, labels, value in values:
        known: Any = registry._names_to_collectors.get(metric.name)
        gauge: Any = known or metric.build(registry)
        if value is not None:
            gauge.labels(*labels).set(value)
