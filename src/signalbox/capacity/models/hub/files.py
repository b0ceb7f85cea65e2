"""Ranges of a repository's files: in a local folder, or over HTTP from the Hub and its mirrors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from signalbox.errors import InputError, SetupError

if TYPE_CHECKING:
    import httpx2

HUB = "https://huggingface.co"
_CONNECT_SECONDS, _READ_SECONDS = 10.0, 30.0
_UNAUTHORIZED, _NOT_FOUND, _BAD_RANGE, _ERROR = (401, 403), 404, 416, 400
_MOST_PAGES = 50


class MissingFileError(Exception):
    """The repository has no such file."""


class Files(Protocol):
    """Files of one revision of a repository. `bytes_read` counts what was transferred."""

    bytes_read: int

    @property
    def label(self) -> str:
        """What messages call the repository."""
        ...

    @property
    def commit(self) -> str:
        """The commit that was read; empty before the first reading."""
        ...

    def read(self, path: str, start: int, size: int) -> bytes:
        """At most `size` bytes from `start` on. Raises MissingFileError."""
        ...

    def whole(self, path: str) -> bytes:
        """A small file. Raises MissingFileError."""
        ...

    def names(self) -> Mapping[str, int]:
        """Paths of all files, with their sizes."""
        ...


@dataclass
class LocalFiles:
    """A folder on this machine."""

    folder: Path
    bytes_read: int = 0

    @property
    def label(self) -> str:
        return str(self.folder)

    @property
    def commit(self) -> str:
        return "local"

    def read(self, path: str, start: int, size: int) -> bytes:
        try:
            with (self.folder / path).open("rb") as file:
                file.seek(start)
                data = file.read(size)
        except FileNotFoundError as error:
            raise MissingFileError(path) from error
        except OSError as error:
            problem = f"cannot read `{self.folder / path}`: {error.strerror}"
            raise InputError("--model", self.label, "check the path", problem=problem) from error
        self.bytes_read += len(data)
        return data

    def whole(self, path: str) -> bytes:
        return self.read(path, 0, -1)

    def names(self) -> dict[str, int]:
        files = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        return {str(path.relative_to(self.folder)): path.stat().st_size for path in files}


@dataclass
class HubFiles:
    """A repository of the Hub, or of a mirror that speaks its protocol (HF_ENDPOINT)."""

    client: httpx2.Client
    endpoint: str
    repository: str
    revision: str = "main"
    token: str = ""
    bytes_read: int = 0
    commit: str = ""
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def label(self) -> str:
        return f"hf:{self.repository}"

    def read(self, path: str, start: int, size: int) -> bytes:
        return self._get(path, start, size)

    def whole(self, path: str) -> bytes:
        return self._get(path, 0, None)

    def names(self) -> dict[str, int]:
        url: str | None = f"{self.endpoint}/api/models/{self.repository}/tree/{self._revision}?recursive=true"
        names: dict[str, int] = {}
        for _ in range(_MOST_PAGES):
            if url is None:
                break
            answer = self._request(url, {})
            self._count(len(answer.content))
            names |= {
                row["path"]: int(row.get("size") or 0) for row in _rows(answer) if row.get("type") == "file"
            }
            url = answer.links.get("next", {}).get("url")
        return names

    @property
    def _revision(self) -> str:
        return quote(self.revision, safe="")

    def _get(self, path: str, start: int, size: int | None) -> bytes:
        url = f"{self.endpoint}/{self.repository}/resolve/{self._revision}/{quote(path)}"
        headers = {} if size is None else {"range": f"bytes={start}-{start + size - 1}"}
        return self._stream(url, headers, start, size)

    def _stream(self, url: str, headers: dict[str, str], start: int, size: int | None) -> bytes:
        """The body; a server that ignores the range is read up to the end of the range and no further."""
        import httpx2  # noqa: PLC0415 - 0.3 s, needed for the Hub only

        try:
            with self.client.stream("GET", url, headers=self._headers(headers)) as answer:
                if answer.status_code == _BAD_RANGE:
                    return b""
                self._check(answer)
                skipped = start if size is not None and answer.status_code == 200 else 0
                end = None if size is None else skipped + size
                data = bytearray()
                for chunk in answer.iter_bytes():
                    data += chunk
                    self._count(len(chunk))
                    if end is not None and len(data) >= end:
                        break
                return bytes(data[skipped:end])
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error

    def _request(self, url: str, headers: dict[str, str]) -> httpx2.Response:
        import httpx2  # noqa: PLC0415

        try:
            answer = self.client.get(url, headers=self._headers(headers))
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error
        self._check(answer)
        return answer

    def _headers(self, headers: dict[str, str]) -> dict[str, str]:
        # The transfer's own compression would make a range meaningless.
        own = {**headers, "accept-encoding": "identity"}
        return {**own, "authorization": f"Bearer {self.token}"} if self.token else own

    def _count(self, size: int) -> None:
        with self._lock:
            self.bytes_read += size

    def _check(self, answer: httpx2.Response) -> None:
        """Raises what the status means; keeps the commit that the revision stands for."""
        for step in (*answer.history, answer):
            self.commit = step.headers.get("x-repo-commit", self.commit)
        status, code = answer.status_code, _header(answer, "x-error-code")
        if status < _ERROR:
            return
        if code == "GatedRepo" or (status in _UNAUTHORIZED and code != "RepoNotFound"):
            hint = "accept its license on the Hub and set HF_TOKEN, or plan from a copy of its config.json with `--config PATH`"
            raise SetupError(f"`{self.label}` is gated ({status})", hint=hint)
        if code in ("EntryNotFound", "") and status == _NOT_FOUND:
            raise MissingFileError(str(answer.url))
        if code in ("RepoNotFound", "RevisionNotFound"):
            raise self._absent(code)
        problem = f"{self.endpoint} answered {status} for `{self.label}`"
        raise SetupError(problem, hint="try again later, or use `--config PATH`")

    def _absent(self, code: str) -> InputError:
        if code == "RevisionNotFound":
            problem = f"`{self.label}` has no revision `{self.revision}`"
            return InputError("--model", self.label, "use a branch, a tag or a commit", problem=problem)
        problem = f"no repository `{self.repository}` on {self.endpoint}"
        return InputError(
            "--model", self.label, "check the name; a private one needs HF_TOKEN", problem=problem
        )

    def _unreachable(self, error: Exception) -> SetupError:
        problem = f"cannot reach {self.endpoint} for `{self.label}` ({type(error).__name__})"
        hint = "check the network, set HF_ENDPOINT to a mirror, or use `--config PATH` with a copy of its config.json"
        return SetupError(problem, hint=hint)


def _header(answer: httpx2.Response, name: str) -> str:
    """A header of the first answer that has it: a redirect's target is another server."""
    return next((step.headers[name] for step in (*answer.history, answer) if name in step.headers), "")


def _rows(answer: httpx2.Response) -> list[dict[str, Any]]:
    try:
        rows = answer.json()
    except ValueError:
        rows = None
    if not isinstance(rows, list):
        raise SetupError(f"{answer.url} did not answer with a list of files", hint="check HF_ENDPOINT")
    return rows


def hub_files(repository: str, revision: str, environment: Mapping[str, str] | None = None) -> HubFiles:
    """The repository at HF_ENDPOINT, with the token of HF_TOKEN or of `hf auth login`."""
    from huggingface_hub import get_token  # noqa: PLC0415 - needed for the Hub only

    from signalbox.artifacts.catalogue.http import make_client  # noqa: PLC0415

    variables = os.environ if environment is None else environment
    endpoint = (variables.get("HF_ENDPOINT") or HUB).rstrip("/")
    client = make_client(_CONNECT_SECONDS, _READ_SECONDS)
    return HubFiles(client, endpoint, repository, revision, get_token() or "")
