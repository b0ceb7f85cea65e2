"""A stand-in for an S3 store: signed listings in pages, objects with ranges, and faults on request."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from signalbox.artifacts.signature import Credentials, signed_headers

KEYS = Credentials("minio", "minio-secret")


@dataclass
class FakeStore:
    """One bucket. `cut` breaks the connection after so many bytes of a response, `cuts` times."""

    objects: dict[str, bytes]
    bucket: str = "models"
    page: int = 2
    etags: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    public: bool = False
    ranges: bool = True
    cut: int = 0
    cuts: int = 0
    requests: list[tuple[str, str]] = field(default_factory=list)
    endpoint: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def etag(self, key: str) -> str:
        return self.etags.get(key) or hashlib.md5(self.objects[key], usedforsecurity=False).hexdigest()

    def take_cut(self) -> int:
        with self.lock:
            self.cuts -= 1
            return self.cut if self.cuts >= 0 else 0

    def listing(self, query: dict[str, str]) -> bytes:
        keys = sorted(key for key in self.objects if key.startswith(query.get("prefix", "")))
        begin = int(query.get("continuation-token", 0))
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key])}</Size>"
            f"<ETag>&quot;{self.etag(key)}&quot;</ETag></Contents>"
            for key in keys[begin : begin + self.page]
        )
        more = begin + self.page < len(keys)
        end = f"<NextContinuationToken>{begin + self.page}</NextContinuationToken>" if more else ""
        name = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        return f"{name}{rows}{end}<IsTruncated>{str(more).lower()}</IsTruncated></ListBucketResult>".encode()


class _Handler(BaseHTTPRequestHandler):
    store: FakeStore

    def log_message(self, *_: object) -> None:
        """Nothing: a test reads `requests`."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), dict(parse_qsl(parts.query))
        _, bucket, *key = path.split("/", 2)
        self.store.requests.append((path, self.headers.get("range", "")))
        if not self.store.public and not self._is_signed(path, query):
            return self._error(403, "SignatureDoesNotMatch", "The signatures differ.")
        if bucket != self.store.bucket:
            return self._error(404, "NoSuchBucket", "No such bucket.")
        if not key:
            return self._send(200, self.store.listing(query), {})
        return self._object(key[0])

    def _is_signed(self, path: str, query: dict[str, str]) -> bool:
        """Whether the signature is the one of this request: of the headers that it lists, and of its time."""
        match = re.search("SignedHeaders=([^,]+)", self.headers.get("authorization", ""))
        if match is None:
            return False
        own = {"host", "x-amz-content-sha256", "x-amz-date"}
        fields = {name: self.headers.get(name, "") for name in match[1].split(";") if name not in own}
        time = datetime.strptime(self.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        url = (self.headers["host"], path, query)
        region = self.headers["authorization"].split("/")[2]
        expected = signed_headers(url, fields, KEYS, region, time)["authorization"]
        return expected == self.headers["authorization"]

    def _object(self, key: str) -> None:
        if key not in self.store.objects:
            return self._error(404, "NoSuchKey", "No such key.")
        etag, body = f'"{self.store.etag(key)}"', self.store.objects[key]
        if self.headers.get("if-match", etag) != etag:
            return self._error(412, "PreconditionFailed", "Changed.")
        match = re.match(r"bytes=(\d+)-", self.headers.get("range", "")) if self.store.ranges else None
        start = int(match[1]) if match else 0
        if match and start >= len(body):
            return self._error(416, "InvalidRange", "Out of range.")
        headers = {"etag": etag, **self.store.headers}
        return self._send(206 if match else 200, body[start:], headers, cut=self.store.take_cut())

    def _error(self, status: int, code: str, message: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        self._send(status, body.encode(), {})

    def _send(self, status: int, body: bytes, headers: dict[str, str], cut: int = 0) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:cut] if cut else body)
        if cut:
            self.close_connection = True


@contextmanager
def serving(store: FakeStore) -> Iterator[FakeStore]:
    """The store at `store.endpoint`."""
    handler = type("Handler", (_Handler,), {"store": store})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    store.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
