"""What jobs tell Prometheus: textfiles for node_exporter's textfile collector (decision 0002)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, write_to_textfile

from pipelines.evaluate.evaluation import Evaluation
from signalbox.contracts import metrics as names

Value = tuple[names.Metric, tuple[str, ...], float | None]
Values = list[Value]


def write(folder: Path, evaluation: Evaluation) -> Path:
    """Write `evaluate-TASK-ROUTE.prom` atomically; returns its path.

    The collector refuses a series that two files hold. Every route has the same baselines, so these go into
    `evaluate-TASK-baselines.prom`.
    """
    values: Values = []
    baselines: Values = []
    for language, summary in evaluation.summaries.items():
        where = (evaluation.task, language, evaluation.route, evaluation.release_key)
        values += [
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
            baselines.append((names.EVAL_BASELINE, (evaluation.task, language, baseline), value))
    job = f"evaluate-{evaluation.task}-{evaluation.route}"
    values.append(succeeded(job))
    write_values(folder / f"evaluate-{evaluation.task}-baselines.prom", baselines)
    return write_values(folder / f"{job}.prom", values)


def write_success(folder: Path, job: str) -> Path:
    """Write `JOB.prom`, of a job whose figures are elsewhere: all that it holds is when it last succeeded. Returns the path."""
    return write_values(folder / f"{job}.prom", [succeeded(job)])


def succeeded(job: str) -> Value:
    """The job has succeeded, now. It is the last thing that a job does."""
    return (names.JOB_LAST_SUCCESS, (job,), time.time())


def write_values(path: Path, values: Values) -> Path:
    """Write gauges with their labels' values atomically; None: no sample. Makes the folder, returns the path."""
    registry = CollectorRegistry()
    for metric, labels, value in values:
        known: Any = registry._names_to_collectors.get(metric.name)
        gauge: Any = known or metric.build(registry)
        if value is not None:
            gauge.labels(*labels).set(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(path), registry)
    return path
