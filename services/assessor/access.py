"""Who may ask: API keys, as plain ASGI so that streams are not buffered.

Programs send `Authorization: Bearer KEY`. Browsers ask their user by HTTP Basic: the client's name, and its key as
the password. Browsers send Basic by themselves, with requests that other sites cause too, so what is changed by
Basic must come from our own page. Open without a key are the probes; the metrics, which the cluster's network
policy guards, because Prometheus and Kubernetes have no client's key; and the page's style, the same for everybody.
"""

from __future__ import annotations

import base64
import binascii
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from services.assessor import errors
from services.assessor.buckets import Buckets
from services.assessor.forms import is_same_origin
from services.assessor.metrics import Metrics
from services.assessor.schemas import ErrorResponse
from signalbox import keys
from signalbox.contracts import metrics as names
from signalbox.errors import InputError
from signalbox.keys import ClientKey

log = logging.getLogger(__name__)

OPEN = frozenset({"/healthz", "/readyz", "/metrics"})
_OPEN_BELOW = "/static/"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_API = "/v1/"
# Programs are not asked for Basic: a page's script would open the browser's dialog with each call.
_BEARER, _BASIC = 'Bearer realm="signalbox"', 'Basic realm="signalbox", charset="UTF-8"'
_HINT = "Send `Authorization: Bearer KEY`, or sign in with the client's name and its key as the password."


class KeyFile:
    """The keys of a file that may change: a mounted Secret is exchanged by swapping a symbolic link.

    A new file that is broken, or gone, leaves the old keys in force and is logged once.
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Raises InputError."""
        self._path = path
        self._seen = self._signature()
        self._keys = keys.load(path)

    def get(self) -> list[ClientKey]:
        """The keys as they are now."""
        seen = self._signature()
        if seen != self._seen:
            self._seen = seen
            try:
                self._keys = keys.load(self._path)
            except InputError as error:
                log.error("keys not read again, the old ones stay", extra={"cause": str(error)})  # noqa: TRY400
            else:
                log.info("keys read again", extra={"keys": len(self._keys)})
        return self._keys

    def _signature(self) -> tuple[int, ...]:
        try:
            stat = self._path.stat()
        except OSError:
            return ()
        return (stat.st_dev, stat.st_ino, stat.st_ctime_ns, stat.st_mtime_ns, stat.st_size)


@dataclass(frozen=True)
class Refusal:
    """Why a request goes no further. `value` never holds a key."""

    status: int
    field: str
    value: str
    hint: str
    headers: dict[str, str]


class Access:
    """Lets a request pass that brings a known key and has a request left; all others get 401, 403 or 429."""

    def __init__(
        self, app: ASGIApp, *, file: KeyFile, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app, self._file, self._metrics, self._clock = app, file, metrics, clock
        self._buckets = Buckets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it before its body is read."""
        if scope["type"] != "http" or scope["path"] in OPEN or scope["path"].startswith(_OPEN_BELOW):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        told = errors.body(refusal.field, refusal.value, refusal.hint)
        await JSONResponse(told, refusal.status, refusal.headers)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        known = self._file.get()
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        user, presented = _read(scheme.lower(), credentials.strip())
        entry = keys.find(known, presented) if presented else None
        wrong = _wrong(entry, user, presented)
        if entry is None or wrong:
            self._count("", "refused")
            challenge = _BEARER if scope["path"].startswith(_API) else _BASIC
            return Refusal(401, "authorization", wrong, _HINT, {"WWW-Authenticate": challenge})
        if user is not None and scope["method"] not in _READING and not is_same_origin(headers):
            self._count(entry.client, "refused")
            hint = "Use the form on this page, or send `Authorization: Bearer KEY`."
            return Refusal(403, "origin", "another site", hint, {})
        return self._limit(entry, known)

    def _limit(self, entry: ClientKey, known: list[ClientKey]) -> Refusal | None:
        if entry.requests_per_minute is None:
            self._count(entry.client, "accepted")
            return None
        burst = entry.burst or entry.requests_per_minute
        wait = self._buckets.take(entry.client, entry.requests_per_minute, burst, self._clock())
        self._count(entry.client, "limited" if wait else "accepted")
        if not wait:
            return None
        self._buckets.keep({key.client for key in known})
        seconds = math.ceil(wait)
        hint = f"At most {entry.requests_per_minute} requests a minute; try again in {seconds} s."
        return Refusal(429, "client", entry.client, hint, {"Retry-After": str(seconds)})

    def _count(self, client: str, outcome: str) -> None:
        self._metrics[names.API_REQUESTS].labels(client, outcome).inc()


def _read(scheme: str, credentials: str) -> tuple[str | None, str]:
    """User (Basic only) and key of an Authorization header; an empty key where there is none to read."""
    if scheme == "bearer":
        return None, credentials
    if scheme != "basic":
        return None, ""
    try:
        user, _, key = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return user, key


def _wrong(entry: ClientKey | None, user: str | None, presented: str) -> str:
    """What is wrong with a key, empty when nothing is."""
    if not presented:
        return "(no key)"
    if entry is None:
        return "(a key that is not known)"
    if user is not None and user != entry.client:
        return "(the key of another client)"
    if entry.expires is not None and entry.expires <= datetime.now(UTC):
        return "(a key that has expired)"
    return ""


_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "A key that `signalbox keys add` has made."},
    "page": {
        "type": "http",
        "scheme": "basic",
        "description": "The client's name, and its key as the password.",
    },
}
_ANSWERS = {
    "401": "No key, or none that is known.",
    "403": "Sent by another site with the browser's sign-in.",
    "429": "More requests than the client may make; Retry-After says when.",
}


def declare(app: FastAPI) -> None:
    """Say in the OpenAPI document that keys are asked for, and what is answered without one."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        if "security" not in document:
            document["components"]["securitySchemes"] = _SCHEMES
            document["security"] = [{name: []} for name in _SCHEMES]
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    _declare(operation, is_open=path in OPEN)
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's way to extend the document


def _declare(operation: dict[str, Any], *, is_open: bool) -> None:
    if is_open:
        operation["security"] = []
        return
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{ErrorResponse.__name__}"}}}
    for status, meaning in _ANSWERS.items():
        operation["responses"][status] = {"description": meaning, "content": content}
