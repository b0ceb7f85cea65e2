"""A stand-in for a registry: the parts of the OCI distribution protocol that pushing and pulling need, in memory.

It checks what a registry checks: digests of blobs, the blobs of a manifest, tokens of a login.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_MANIFEST = re.compile(r"/v2/(.+)/manifests/([^/]+)")
_BLOB = re.compile(r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})")
_UPLOAD = re.compile(r"/v2/(.+)/blobs/uploads/(\w*)")


@dataclass
class StandIn:
    """What the registry holds, and what was asked of it."""

    login: tuple[str, str] | None = None
    digest_header: bool = True
    host: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    # (repository, tag or digest) → (media type, content)
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def put(self, repository: str, tag: str, media_type: str, body: bytes) -> str:
        digest = digest_of(body)
        for reference in (tag, digest):
            self.manifests[repository, reference] = (media_type, body)
        return digest


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@contextlib.contextmanager
def running(**options: object) -> Iterator[StandIn]:
    """Serves on loopback until the block ends."""
    state = StandIn(**options)

    class Handler(_Handler):
        registry = state

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.host = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    registry: StandIn
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.registry.requests.append(f"{self.command} {url.path}")
        if url.path == "/token":
            return self.token(url.query)
        if self.registry.login and self.headers.get("Authorization") != "Bearer pass":
            realm = f'Bearer realm="http://{self.registry.host}/token",service="stand-in",scope="all"'
            return self.answer(401, headers={"WWW-Authenticate": realm})
        if url.path == "/v2/":
            return self.answer(200)
        for pattern, method in ((_UPLOAD, self.upload), (_BLOB, self.blob), (_MANIFEST, self.manifest)):
            if match := pattern.fullmatch(url.path):
                return method(*match.groups(), body=body, query=parse_qs(url.query))
        return self.answer(404)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815

    def token(self, query: str) -> None:
        login = base64.b64encode(":".join(self.registry.login or ()).encode()).decode()
        known = self.headers.get("Authorization") == f"Basic {login}" and "service=stand-in" in query
        self.answer(200 if known else 401, json.dumps({"token": "pass"}).encode() if known else b"")

    def upload(self, repository: str, session: str, *, body: bytes, query: dict[str, list[str]]) -> None:
        if self.command == "POST" and not session:
            place = f"/v2/{repository}/blobs/uploads/one?state=kept"
            return self.answer(202, headers={"Location": place})
        digest = query["digest"][0]
        if digest != digest_of(body) or query.get("state") != ["kept"]:
            return self.answer(400, b"DIGEST_INVALID")
        self.registry.blobs[digest] = body
        return self.answer(201, headers={"Location": f"/v2/{repository}/blobs/{digest}"})

    def blob(self, repository: str, digest: str, **_: object) -> None:
        content = self.registry.blobs.get(digest)
        return self.answer(404) if content is None else self.answer(200, content)

    def manifest(self, repository: str, reference: str, *, body: bytes, **_: object) -> None:
        if self.command == "PUT":
            content = json.loads(body)
            needed = {part["digest"] for part in [content["config"], *content["layers"]]}
            if not needed <= self.registry.blobs.keys():
                return self.answer(400, b"MANIFEST_BLOB_UNKNOWN")
            digest = self.registry.put(repository, reference, self.headers["Content-Type"], body)
            return self.answer(201, headers={"Docker-Content-Digest": digest})
        if (repository, reference) not in self.registry.manifests:
            return self.answer(404)
        media_type, content = self.registry.manifests[repository, reference]
        headers = {"Content-Type": media_type}
        if self.registry.digest_header:
            headers["Docker-Content-Digest"] = digest_of(content)
        return self.answer(200, content, headers)

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: `requests` has it."""
