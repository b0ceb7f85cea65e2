"""Serves the metrics that jobs write as files: `python -m local.monitoring.textfiles FOLDER HOST PORT`.

On a cluster this is node_exporter's textfile collector (decision 0002), which Debian's Prometheus does not require.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET, AF_INET6

from prometheus_client.parser import text_string_to_metric_families

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def page(folder: Path) -> str:
    """All files as one page. Help and type of a metric appear once; a file that cannot be read is left out."""
    comments: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.prom")):
        try:
            text = path.read_text(encoding="utf-8")
            list(text_string_to_metric_families(text))
        except (OSError, ValueError):
            continue
        _collect(text, comments, samples)
    lines = [line for name in samples for line in (*comments.get(name, ()), *samples[name])]
    return "".join(f"{line}\n" for line in lines)


def _collect(text: str, comments: dict[str, list[str]], samples: dict[str, list[str]]) -> None:
    """Add the lines of a file, by metric."""
    heads: dict[str, list[str]] = {}
    name = ""
    for line in filter(None, text.splitlines()):
        if line.startswith("#"):
            name = line.split(" ", 3)[2]
            heads.setdefault(name, []).append(line)
        else:
            samples.setdefault(name, []).append(line)
    for metric, lines in heads.items():
        comments.setdefault(metric, lines)


def server(folder: Path, host: str, port: int) -> ThreadingHTTPServer:
    """A server of the page on `/metrics`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = page(folder).encode() if self.path == "/metrics" else b""
            self.send_response(200 if self.path == "/metrics" else 404)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
            """A scrape every few seconds is no event."""

    class Server(ThreadingHTTPServer):
        address_family = AF_INET6 if ":" in host else AF_INET

    return Server((host, port), Handler)


if __name__ == "__main__":
    server(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])).serve_forever()
