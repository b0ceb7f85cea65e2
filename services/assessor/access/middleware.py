"""API keys and rate limits as plain ASGI, so that streams are not buffered.

Programs send `Authorization: Bearer KEY`. Browsers prompt their user (HTTP Basic) for the client's name, and its key as
the password. Browsers repeat Basic credentials with every request, also with those that other sites cause, so a request
with Basic that changes something must come from our own page. No key is required for the probes; for the metrics, which
the network policy protects, because Prometheus and Kubernetes have no client's key; and for the page's static files.
"""

from __future__ import annotations

import base64
import binascii
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from services.assessor import errors
from services.assessor.access.buckets import Buckets
from services.assessor.access.key_file import KeyFile
from services.assessor.access.same_origin import is_same_origin
from services.assessor.metrics import Metrics
from services.assessor.schemas import Problem
from signalbox import keys
from signalbox.contracts import metrics as names
from signalbox.contracts.usage import UNKNOWN
from signalbox.keys import ClientKey

OPEN = frozenset({"/healthz", "/readyz", "/metrics"})
_OPEN_BELOW = "/static/"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_API = "/v1/"
_QUEUE = ("/queue", "/v1/queue")
_ROLE_HINTS = {
    "client": "Use the key of a reviewer: `signalbox keys add NAME --role reviewer`.",
    "reviewer": "Use /queue. A reviewer sees no verdicts; use the key of a client for everything else.",
}
# Programs get no Basic challenge: a page's script would open the browser's dialog with each call.
_BEARER, _BASIC = 'Bearer realm="signalbox"', 'Basic realm="signalbox", charset="UTF-8"'
_HINT = "Send `Authorization: Bearer KEY`, or sign in with the client's name and its key as the password."


@dataclass(frozen=True)
class _Rejection:
    """Why a request goes no further. No problem holds a key."""

    problem: Problem
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Credentials:
    """An Authorization header: its user (HTTP Basic only), and its key, empty if there is none."""

    user: str | None
    key: str


class Access:
    """Passes on requests with a valid key within the client's rate limit; all others get 401, 403 or 429."""

    def __init__(
        self, app: ASGIApp, *, file: KeyFile, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app, self._file, self._metrics, self._clock = app, file, metrics, clock
        self._buckets = Buckets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or reject it before its body is read."""
        if scope["type"] != "http" or scope["path"] in OPEN or scope["path"].startswith(_OPEN_BELOW):
            await self._app(scope, receive, send)
            return
        rejection = self._rejection(scope)
        if rejection is None:
            await self._app(scope, receive, send)
            return
        response = errors.response(rejection.problem, scope["path"], rejection.headers)
        await response(scope, receive, send)

    def _rejection(self, scope: Scope) -> _Rejection | None:
        headers = Headers(scope=scope)
        entries = self._file.get()
        credentials = _credentials(headers.get("authorization", ""))
        entry = keys.find(entries, credentials.key) if credentials.key else None
        fault = _fault(entry, credentials)
        if entry is None or fault:
            self._count("", "rejected")
            scope.setdefault("state", {})["client"] = UNKNOWN
            challenge = _BEARER if scope["path"].startswith(_API) else _BASIC
            detail = f"The request has no valid API key: {fault}."
            problem = errors.problem(errors.UNAUTHORIZED, "authorization", f"({fault})", _HINT, detail)
            return _Rejection(problem, {"WWW-Authenticate": challenge})
        if (
            credentials.user is not None
            and scope["method"] not in _SAFE_METHODS
            and not is_same_origin(headers)
        ):
            self._count(entry.client, "rejected")
            hint = "Use the form on this page, or send `Authorization: Bearer KEY`."
            detail = "The request comes from another site."
            return _Rejection(errors.problem(errors.CROSS_SITE, "origin", "another site", hint, detail))
        if _is_of_queue(scope["path"]) != (entry.role == "reviewer"):
            self._count(entry.client, "rejected")
            detail = f"The role `{entry.role}` of this API key does not allow {scope['path']}."
            problem = errors.problem(errors.FORBIDDEN, "role", entry.role, _ROLE_HINTS[entry.role], detail)
            return _Rejection(problem)
        scope.setdefault("state", {})["client"] = entry.client
        return self._limit(entry, entries)

    def _limit(self, entry: ClientKey, entries: list[ClientKey]) -> _Rejection | None:
        if entry.requests_per_minute is None:
            self._count(entry.client, "accepted")
            return None
        burst = entry.burst or entry.requests_per_minute
        wait = self._buckets.take(entry.client, entry.requests_per_minute, burst, self._clock())
        self._count(entry.client, "limited" if wait else "accepted")
        if not wait:
            return None
        self._buckets.keep({other.client for other in entries})
        seconds = math.ceil(wait)
        detail = f"The limit of this client is {entry.requests_per_minute} requests a minute."
        problem = errors.problem(
            errors.RATE_LIMITED, "client", entry.client, f"Try again in {seconds} s.", detail
        )
        return _Rejection(problem, {"Retry-After": str(seconds)})

    def _count(self, client: str, outcome: str) -> None:
        self._metrics.series(names.API_REQUESTS, client, outcome).inc()


def _is_of_queue(path: str) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in _QUEUE)


def _credentials(header: str) -> _Credentials:
    """The credentials in an Authorization header."""
    scheme, _, parameter = header.partition(" ")
    parameter = parameter.strip()
    if scheme.lower() == "bearer":
        return _Credentials(None, parameter)
    if scheme.lower() != "basic":
        return _Credentials(None, "")
    try:
        user, _, key = base64.b64decode(parameter, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return _Credentials("", "")
    return _Credentials(user, key)


def _fault(entry: ClientKey | None, credentials: _Credentials) -> str:
    """What is wrong with a key, empty if nothing is."""
    if not credentials.key:
        return "no key"
    if entry is None:
        return "unknown key"
    if credentials.user is not None and credentials.user != entry.client:
        return "key of another client"
    if entry.expires is not None and entry.expires <= datetime.now(UTC):
        return "expired key"
    return ""
