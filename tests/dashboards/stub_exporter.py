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
from signalbox.contracts.metric import HIGH, LOW

PAGES = Path("tests/data/metrics")
TYPE = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$")
# Label → a value that the queries select; every other label has the value "any".
LABELS = {
    "task": "medical", "language": "de", "route": "encoder", "light": "green", "state": "certified",
    "reason": "certified", "job": "drift-medical", "outcome": "right", "agreement": "agrees", "unit": "words",
    "upstream": "store", "status": "500", "verdict": "any", "action": "issue", "tier": "hard", "release": "encoder@1",
}  # fmt: skip


Line = tuple[str, float, int]


def parsed(page: str) -> list[Line]:
    """Each line as its text before the value, its value, and how much it grows with a scrape; -1 is a line without a value."""
    kinds = dict(TYPE.findall(page))
    lines: list[Line] = []
    bucket = 0
    for line in page.splitlines():
        if not (sample := SAMPLE.match(line)):
            lines.append((line, 0, -1))
            continue
        # Buckets are cumulative: one grows more than those before it.
        bucket = bucket + 1 if sample[1].endswith("_bucket") else 0
        step = growth(sample[1], kinds)
        lines.append((f"{sample[1]}{sample[2] or ''}", float(sample[3]), max(step, bucket) if step else 0))
    return lines


def grown(lines: list[Line], scrapes: int) -> str:
    """The page with counters and buckets that have grown since the first scrape; gauges stay."""
    texts = (text if step < 0 else f"{text} {value + scrapes * step}" for text, value, step in lines)
    return "\n".join(texts) + "\n"


def growth(name: str, kinds: dict[str, str]) -> int:
    """How much a sample grows with a scrape; 0 for a gauge. A count is above all its buckets."""
    family = re.sub(r"_(bucket|sum|count)$", "", name)
    if kinds.get(name) == "counter":
        return 1
    if kinds.get(family) == "histogram":
        return 1 if name.endswith("_bucket") else 50
    return 0


def contract_page() -> str:
    """One series of each metric of the contracts, and one of each bound, as a job or an assessor with certificates exports them."""
    registry = CollectorRegistry()
    for metric in metrics.ALL:
        collector = metric.build(registry)
        for bound in (LOW, HIGH) if "bound" in metric.labels else ("",):
            values = (bound if label == "bound" else LABELS.get(label, "any") for label in metric.labels)
            child = collector.labels(*values) if metric.labels else collector
            if metric.kind == "gauge":
                child.set(gauge(metric.name))
    return generate_latest(registry).decode()


def gauge(name: str) -> float:
    """A value of a gauge that no query filters out."""
    ends = {"_ratio": 0.1, "_limit": 2000, "_evidence": 10}
    return next((number for end, number in ends.items() if name.endswith(end)), 1)


@contextlib.contextmanager
def stub_exporter() -> Iterator[str]:
    """The address (HOST:PORT) of a server with a path for each page, and /contracts."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in PAGES.glob("*.txt")}
    texts["contracts"] = contract_page()
    pages = {name: parsed(text) for name, text in texts.items()}
    scrapes = count()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = grown(pages[self.path.strip("/")], next(scrapes)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # a scrape that took too long
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
