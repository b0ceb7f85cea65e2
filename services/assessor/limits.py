"""What every request passes, as plain ASGI so that streams are not buffered: body limit and request count."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.assessor import errors
from services.assessor.metrics import Metrics
from signalbox.contracts import metrics as names


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
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if limited_here and seen > self._max:
                # FastAPI lets this one through; any other error while reading becomes a 400.
                raise HTTPException(413, errors.body_too_large(self._max))
            return message

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope, message["status"])
            await send(message)

        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if limited_here and announced.isdigit() and int(announced) > self._max:
            refusal = JSONResponse(
                errors.body("body", f"{int(announced)} bytes", errors.body_too_large(self._max)),
                413,
                {"connection": "close"},
            )
            await refusal(scope, receive, counted)
            return
        await self._app(scope, limited, counted)

    def _count(self, scope: Scope, status: int) -> None:
        # The route's template, never the raw path: ids and scans must not become label values.
        path = getattr(scope.get("route"), "path", "unmatched")
        self._metrics[names.HTTP_REQUESTS].labels(scope["method"], path, str(status)).inc()
