"""What every request passes, as plain ASGI so that streams are not buffered: body limit and request count."""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.assessor.metrics import Metrics
from signalbox.contracts import metrics as names


class _TooLarge(Exception):  # noqa: N818 - control flow inside this module
    """The body went over the limit while it was read."""


class Limits:
    """Refuses bodies over `max_body_bytes`, whether announced or only found out, and counts answers.

    `own_limit`: paths that keep the limit themselves, because people shall read more than JSON there.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: int,
        metrics: Metrics,
        own_limit: frozenset[str] = frozenset(),
    ) -> None:
        self._app, self._max, self._metrics, self._own_limit = app, max_body_bytes, metrics, own_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limited_here = scope["path"] not in self._own_limit
        started = False
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if limited_here and seen > self._max:
                raise _TooLarge
            return message

        async def counted(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._count(scope, message["status"])
            await send(message)

        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if limited_here and announced.isdigit() and int(announced) > self._max:
            await self._refuse(counted)
            return
        try:
            await self._app(scope, limited, counted)
        except _TooLarge:
            if not started:
                await self._refuse(counted)

    async def _refuse(self, send: Send) -> None:
        error = {
            "field": "body",
            "value": f"more than {self._max} bytes",
            "cure": f"Send at most {self._max} bytes; split the texts over several requests.",
        }
        body = json.dumps({"error": error}).encode()
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _count(self, scope: Scope, status: int) -> None:
        # The route's template, never the raw path: ids and scans must not become label values.
        path = getattr(scope.get("route"), "path", "unmatched")
        self._metrics[names.HTTP_REQUESTS].labels(scope["method"], path, str(status)).inc()
