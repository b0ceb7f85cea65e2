"""A fake Kubernetes API on loopback: lists of nodes and pods, in pages, as recorded from real clusters."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

Json = dict[str, Any]


def node(name: str, labels: dict[str, str], allocatable: dict[str, int], **changes: Any) -> Json:
    """A node as the API sends it."""
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "spec": {"unschedulable": True} if changes.get("cordoned") else {},
        "status": {
            "allocatable": {"cpu": "15890m", **{key: str(value) for key, value in allocatable.items()}},
            "conditions": [{"type": "Ready", "status": changes.get("ready", "True")}],
        },
    }


def pod(where: str | None, *gpus: int, resource: str = "nvidia.com/gpu", phase: str = "Running") -> Json:
    """A pod with one container for each number."""
    containers = [
        {"name": f"c{index}", "resources": {"limits": {resource: str(count)}}}
        for index, count in enumerate(gpus)
    ]
    spec: Json = {"containers": containers}
    if where is not None:
        spec["nodeName"] = where
    return {"metadata": {"name": "p", "namespace": "default"}, "spec": spec, "status": {"phase": phase}}


@contextlib.contextmanager
def api(
    nodes: list[Json], pods: list[Json], folder: Path, *, page: int = 2, status: int = 200
) -> Iterator[Path]:
    """Serve them; yields a kubeconfig with the contexts `lab` (current) and `other`."""
    lists = {"/api/v1/nodes": ("NodeList", nodes), "/api/v1/pods": ("PodList", pods)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlparse(self.path)
            kind, rows = lists[url.path]
            start = int(parse_qs(url.query).get("continue", ["0"])[0])
            following = str(start + page) if start + page < len(rows) else ""
            body: Json = {
                "kind": kind,
                "apiVersion": "v1",
                "metadata": {"resourceVersion": "1", "continue": following},
                "items": rows[start : start + page],
            }
            if status != 200:
                body = {"kind": "Status", "status": "Failure", "code": status, "message": "no"}
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield kubeconfig(folder, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def kubeconfig(folder: Path, server: str) -> Path:
    """A kubeconfig for that address."""
    names = ("lab", "other")
    path = folder / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "lab",
                "clusters": [{"name": name, "cluster": {"server": server}} for name in names],
                "users": [{"name": "me", "user": {"token": "t"}}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in names],
            }
        ),
        encoding="utf-8",
    )
    return path
