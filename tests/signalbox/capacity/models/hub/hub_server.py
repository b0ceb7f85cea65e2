"""A stand-in for the Hub: resolve with redirects to another host, ranges, the tree, and the error codes of its headers.

It speaks as much of the protocol as reading headers needs, and serves folders that a test writes. The real one is not
reachable from a test.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.helpers import answering

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class Storage:
    """What the server has and has seen: repositories by name, commits, gated names, requests by path."""

    def __init__(self) -> None:
        self.repositories: dict[str, Path] = {}
        self.commits: dict[str, str] = {}
        self.gated: dict[str, int] = {}
        self.requests: Counter[str] = Counter()
        self.sent = 0
        self.ranges = True
        self.tokens_of_storage: list[str] = []


def handler(storage: Storage) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one class with short methods
    """The Hub and, below /storage/, the host that it redirects large files to."""

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            storage.requests[path] += 1
            if path.startswith("/storage/"):
                storage.tokens_of_storage.append(self.headers.get("authorization", ""))
                self.file(Path(path.removeprefix("/storage")), {})
            elif path.startswith("/api/models/"):
                self.tree(*path.removeprefix("/api/models/").split("/tree/"))
            elif match := re.match(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                self.resolve(*match.groups())
            else:
                self.refuse(404, "EntryNotFound")

        def resolve(self, repository: str, revision: str, name: str) -> None:
            if repository in storage.gated and "authorization" not in self.headers:
                self.refuse(storage.gated[repository], "GatedRepo")
            elif repository not in storage.repositories:
                self.refuse(404, "RepoNotFound")
            elif revision not in ("main", COMMIT):
                self.refuse(404, "RevisionNotFound")
            elif not (file := storage.repositories[repository] / name).is_file():
                self.refuse(404, "EntryNotFound")
            elif name.endswith(".json"):
                self.file(file, self.commit(repository))
            else:
                # Another host in the eyes of a client: a token must not follow.
                address = f"http://localhost:{self.server.server_port}/storage{file}"  # type: ignore[attr-defined]
                self.answer(302, b"", {**self.commit(repository), "location": address})

        def tree(self, repository: str, _revision: str) -> None:
            if repository not in storage.repositories:
                self.refuse(404, "RepoNotFound")
                return
            folder = storage.repositories[repository]
            files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
            rows = [
                {"type": "file", "path": str(path.relative_to(folder)), "size": path.stat().st_size}
                for path in files
            ]
            self.answer(200, json.dumps(rows).encode(), {"content-type": "application/json"})

        def file(self, path: Path, headers: dict[str, str]) -> None:
            size = path.stat().st_size
            match = _RANGE.match(self.headers.get("range", "")) if storage.ranges else None
            start, end = (int(match[1]), min(int(match[2]), size - 1)) if match else (0, size - 1)
            if start >= size:
                self.answer(416, b"", headers)
                return
            with path.open("rb") as file:
                file.seek(start)
                body = file.read(end - start + 1)
            extra = {"content-range": f"bytes {start}-{end}/{size}"} if match else {}
            self.answer(206 if match else 200, body, {**headers, **extra})

        def commit(self, repository: str) -> dict[str, str]:
            return {"x-repo-commit": storage.commits.get(repository, COMMIT)}

        def refuse(self, status: int, code: str) -> None:
            self.answer(status, b"no", {"x-error-code": code})

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            storage.sent += len(body)
            try:
                self.wfile.write(body)
            except ConnectionError:
                return  # the client has what it needs

        def log_message(self, *_: object) -> None:
            return

    return Hub


@contextmanager
def hub() -> Iterator[tuple[Storage, str]]:
    """The server and its address."""
    storage = Storage()
    with answering(handler(storage)) as url:
        yield storage, url
