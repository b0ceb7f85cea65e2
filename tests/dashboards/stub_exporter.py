"""A stub exporter: it serves the pages of tests/data/metrics, with counters that grow from scrape to scrape.

It stands for engines, GPUs and jobs that cannot run here. Names and labels are those of the pages; values are not.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from signalbox.contracts import metrics
from signalbox.contracts.metric import Metric

PAGES = Path("tests/data/metrics")
TYPE = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$")
# Label → a value that the queries select; every other label has the value "any".
LABELS = {
    "task": "medical", "language": "de", "route": "encoder", "light": "green", "bound": "upper", "state": "certified",
    "reason": "certified", "job": "drift-medical", "outcome": "right", "agreement": "agrees", "unit": "words",
    "upstream": "store", "status": "500", "verdict": "any", "action": "issue", "tier": "hard", "release": "encoder@1",
}  # fmt: skip


def grown(page: str, scrapes: int) -> str:
    """A page with counters and buckets that have grown since the first scrape; gauges stay."""
    kinds = dict(TYPE.findall(page))
    lines, bucket = [], 0
    for line in page.splitlines():
        sample = SAMPLE.match(line)
        if sample and (step := growth(sample[1], kinds)):
            bucket = bucket + 1 if sample[1].endswith("_bucket") else 0
            value = float(sample[3]) + scrapes * max(step, bucket)
            lines.append(f"{sample[1]}{sample[2] or ''} {value}")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def growth(name: str, kinds: dict[str, str]) -> int:
    """How much a sample grows with a scrape; 0 for a gauge. A count is above all its buckets."""
    family = re.sub(r"_(bucket|sum|count)$", "", name)
    if kinds.get(name) == "counter":
        return 1
    if kinds.get(family) == "histogram":
        return 1 if name.endswith("_bucket") else 50
    return 0


def contract_page() -> str:
    """One series of each metric of the contracts, as a job or an assessor with certificates exports it."""
    registry = CollectorRegistry()
    for metric in metrics.ALL:
        collector = metric.build(registry)
        child = (
            collector.labels(*(value(metric, label) for label in metric.labels))
            if metric.labels
            else collector
        )
        if metric.kind == "gauge":
            child.set(1)
    return generate_latest(registry).decode()


def value(metric: Metric, label: str) -> str:
    """A value of a label."""
    return LABELS.get(label, "any")


@contextlib.contextmanager
def stub_exporter() -> Iterator[str]:
    """The address (HOST:PORT) of a server with a path for each page, and /contracts."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in PAGES.glob("*.txt")}
    texts["contracts"] = contract_page()
    scrapes = count()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = grown(texts[self.path.strip("/")], next(scrapes)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
