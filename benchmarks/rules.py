"""Cost of the rules for 1, 10 and 100 model servers: series in Prometheus, and the time of one evaluation of all groups.

Prometheus is real. The servers are a **stub exporter** that serves the captured page of vLLM 0.24.0 under one service name each,
with counters that grow.
"""

from __future__ import annotations

import re
import time
import urllib.request
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from tests.dashboards.stub_exporter import stub_exporter
from tests.e2e.prometheus import Prometheus, prometheus

SERVERS = (1, 10, 100)
PAGE = "vllm-0.24.0"
INTERVAL = "15s"
WARM_SECONDS, SAMPLES, PAUSE_SECONDS = 90, 4, 15


def run() -> list[dict[str, object]]:
    """One row for each number of servers."""
    return [measure(count) for count in SERVERS]


def measure(count: int, warm_seconds: float = WARM_SECONDS, samples: int = SAMPLES) -> dict[str, object]:
    """Series, seconds and CPU time, after some scrapes."""
    with (
        TemporaryDirectory() as folder,
        stub_exporter() as address,
        prometheus(Path(folder) / "prometheus", [_job(address, count)], interval=INTERVAL) as server,
    ):
        time.sleep(warm_seconds)
        started, cpu_started = time.monotonic(), _own(server, "process_cpu_seconds_total")
        seconds = [_evaluation_seconds(server) for _ in range(samples)]
        spent = _own(server, "process_cpu_seconds_total") - cpu_started
        elapsed = time.monotonic() - started
        recorded = int(server.query('count({__name__=~"signalbox:.+"})')[0]["value"][1])
        return {
            "servers": count,
            "scraped series": int(_own(server, "prometheus_tsdb_head_series")) - recorded,
            "recorded series": recorded,
            "evaluation, median ms": 1000 * median(seconds),
            "evaluation, maximum ms": 1000 * max(seconds),
            "CPU s a second": spent / elapsed,
        }


def _job(address: str, count: int) -> dict[str, Any]:
    """One job with a target for each server."""
    labels = [
        {"namespace": "bench", "service": f"server-{number}", "engine": "vllm"} for number in range(count)
    ]
    targets = [{"targets": [address], "labels": {**one, "instance": one["service"]}} for one in labels]
    return {"job_name": "servers", "metrics_path": f"/{PAGE}", "static_configs": targets}


def _evaluation_seconds(server: Prometheus) -> float:
    """The last evaluation of all groups together."""
    time.sleep(PAUSE_SECONDS)
    return _own(server, "prometheus_rule_group_last_duration_seconds")


def _own(server: Prometheus, name: str) -> float:
    """The sum of one of Prometheus' own metrics."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as answer:
        page = answer.read().decode()
    return sum(float(value) for value in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", page, re.MULTILINE))
