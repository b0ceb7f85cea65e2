"""Metrics of the jobs: textfiles for node_exporter's textfile collector (decision 0002)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, write_to_textfile

from signalbox.contracts import metrics as names
from signalbox.contracts.metric import Metric

Value = tuple[Metric, tuple[str, ...], float | None]
Values = list[Value]


def write_success(folder: Path, job: str) -> Path:
    """Write `JOB.prom` of a job whose figures are elsewhere: only the time of its last success. Returns the path."""
    return write_values(folder / f"{job}.prom", [succeeded(job)])


def succeeded(job: str) -> Value:
    """The time of success: now. A job writes it last."""
    return (names.JOB_LAST_SUCCESS, (job,), time.time())


def write_values(path: Path, values: Values) -> Path:
    """Write metrics with their labels' values atomically; None: no sample. Creates the folder, returns the path.

    The value of a counter is its total: the job reads it from rows that are never deleted.
    """
    registry = CollectorRegistry()
    collectors: dict[str, Any] = {}
    for metric, labels, value in values:
        if metric.name not in collectors:
            collectors[metric.name] = metric.build(registry)
        if value is not None:
            sample = collectors[metric.name].labels(*labels)
            sample.inc(value) if metric.kind == "counter" else sample.set(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(path), registry)
    return path
