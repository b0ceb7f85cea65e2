"""Body limit and request count of every request, as plain ASGI so that streams are not buffered."""

from __future__ import annotations

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.assessor import errors
from services.assessor.metrics import Metrics
from signalbox.contracts import metrics as names


class Limits:
    """Rejects bodies over `max_body_bytes`, by their announced length or by what arrives, and counts responses.

    `own_limit`: paths that enforce the limit themselves, because they answer people, not programs.
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
        size, started = 0, False

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if limited_here and size > self._max:
                raise errors.BodyTooLarge(self._max)
            return message

        async def counted(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._count(scope, message["status"])
            await send(message)

        announced = _length(scope)
        if limited_here and announced.isdigit() and int(announced) > self._max:
            rejection = errors.body_too_large(f"{int(announced)} bytes", self._max, scope["path"])
            await rejection(scope, receive, counted)
            return
        try:
            await self._app(scope, limited, counted)
        except Exception:
            # Starlette answers it outside of all middleware, so the response does not come by here.
            if not started:
                self._count(scope, HTTPStatus.INTERNAL_SERVER_ERROR.value)
            raise

    def _count(self, scope: Scope, status: int) -> None:
        # The route's template, never the raw path: ids and scans must not become label values.
        path = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.series(names.HTTP_REQUESTS, scope["method"], path, str(status)).inc()


def _length(scope: Scope) -> bytes:
    """The announced length of the body; the last one, as an HTTP server accepts only equal ones."""
    return next((value for name, value in reversed(scope["headers"]) if name == b"content-length"), b"0")
