"""Download of one file over HTTP: resumed, in its full size, with its checksum, and never a web page in its place."""

from __future__ import annotations

import hashlib
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx2

from signalbox.errors import SetupError
from signalbox.proxies import DIRECT

ATTEMPTS = 5  # without progress in between
_PARTIAL, _UNSATISFIABLE = 206, 416
_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500
_NO_CONNECTION = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)
_MARKUP = (b"<!doctype", b"<html", b"<?xml")
Advance = Callable[[int], None]


class SourceError(Exception):
    """A source does not have the file, or cannot be reached. The text is a clause without a period."""


class UnreachableError(SourceError):
    """The server does not answer at all."""


@dataclass(frozen=True)
class Download:
    """What to download, and what it must be. `size` is None where nothing states it; `sha256` may be empty."""

    url: str
    size: int | None
    sha256: str
    headers: Mapping[str, str] = field(default_factory=dict)


def make_client(connect_seconds: float, read_seconds: float) -> httpx2.Client:
    """A client with the proxies of the environment, and the certificates of SSL_CERT_FILE or of the system.

    Raises SetupError for a proxy that is no URL.
    """
    try:
        return httpx2.Client(
            timeout=httpx2.Timeout(read_seconds, connect=connect_seconds),
            verify=ssl.create_default_context(),
            follow_redirects=True,
            mounts=DIRECT,
        )
    except (ValueError, httpx2.InvalidURL) as error:
        raise SetupError(
            f"The proxy of the environment cannot be used: {error}", hint="Check HTTPS_PROXY and HTTP_PROXY."
        ) from error


def fetch(
    client: httpx2.Client, download: Download, part: Path, advance: Advance, *, wait_seconds: float = 1.0
) -> None:
    """Complete the file `part` and compare its size and checksum. Raises SourceError and OSError.

    What is in `part` is continued. A part whose checksum is wrong is removed; one that broke off is kept, so that the
    next call continues it. `advance` gets the bytes that are there, after each block.
    """
    is_continued = part.is_file() and part.stat().st_size > 0
    _complete(client, download, part, advance, wait_seconds)
    problem = _checksum_problem(download, part)
    if problem and is_continued:  # perhaps what was there was wrong
        _complete(client, download, part, advance, wait_seconds)
        problem = _checksum_problem(download, part)
    if problem:
        raise SourceError(problem)


def _complete(
    client: httpx2.Client, download: Download, part: Path, advance: Advance, wait_seconds: float
) -> None:
    """Download until all is there, as long as there is progress."""
    failures = 0
    while True:
        before = _size(part)
        try:
            _append(client, download, part, advance)
        except httpx2.TransportError as error:
            failures = 0 if _size(part) > before else failures + 1
            place, cause = shown(download.url), str(error) or type(error).__name__
            if isinstance(error, _NO_CONNECTION) and not _size(part):
                raise UnreachableError(f"{place} does not answer ({cause})") from error
            if failures >= ATTEMPTS:
                raise SourceError(f"{place} broke off after {before} bytes ({cause})") from error
            time.sleep(wait_seconds * failures)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:  # such as a redirect that never ends
            raise SourceError(f"{shown(download.url)} cannot be read ({error})") from error
        else:
            return


def shown(url: str) -> str:
    """A URL without the password that it may contain, and without the query, which may be a signature."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is no URL"
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _append(client: httpx2.Client, download: Download, part: Path, advance: Advance) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("a+b") as file:
        start = file.seek(0, os.SEEK_END)
        if download.size is not None and start >= download.size:
            return
        headers = {**download.headers, "accept-encoding": "identity"}
        if start:
            headers["range"] = f"bytes={start}-"
        with client.stream("GET", download.url, headers=headers) as response:
            if response.status_code == _UNSATISFIABLE and start:
                if response.headers.get("content-range", "").endswith(f"*/{start}"):
                    return  # nothing is missing
                file.truncate(0)
                raise httpx2.ReadError("the part does not belong to this file")
            _check_answer(response, download, start)
            if response.status_code != _PARTIAL:
                file.truncate(0)
                start = 0
            for block in response.iter_raw():
                if not start and block[:64].lstrip().lower().startswith(_MARKUP):
                    raise SourceError(f"{shown(download.url)} answers with a web page instead of the file")
                file.write(block)
                start += len(block)
                if download.size is not None and start > download.size:
                    file.truncate(0)
                    raise SourceError(_size_problem(download, "more than that"))
                advance(start)
        file.flush()
        os.fsync(file.fileno())
    if download.size is not None and start < download.size:
        raise httpx2.RemoteProtocolError(f"{start} of {download.size} bytes arrived")


def _check_answer(response: httpx2.Response, download: Download, start: int) -> None:
    """SourceError for an answer that is an error, a web page, or of another size."""
    if response.status_code >= _SERVER_ERROR or response.status_code == _TOO_MANY_REQUESTS:
        raise httpx2.ReadError(f"HTTP {response.status_code}")  # it may pass
    if not response.is_success:
        raise SourceError(f"{shown(download.url)} answers HTTP {response.status_code}")
    if response.headers.get("content-type", "").startswith("text/html"):
        raise SourceError(f"{shown(download.url)} answers with a web page (text/html) instead of the file")
    length = response.headers.get("content-length", "")
    offset = start if response.status_code == _PARTIAL else 0
    if download.size is not None and length.isdigit() and int(length) + offset != download.size:
        raise SourceError(_size_problem(download, f"{int(length) + offset}"))


def _size_problem(download: Download, size: str) -> str:
    return f"{shown(download.url)} must have {download.size} bytes, and has {size}"


def _checksum_problem(download: Download, part: Path) -> str:
    """What is wrong, or nothing; a wrong part is removed."""
    digest = file_sha256(part) if download.sha256 else ""
    if digest == download.sha256:
        return ""
    part.unlink()
    return f"{shown(download.url)} has the SHA-256 {digest[:12]}… instead of {download.sha256[:12]}…"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
