"""Usage of each request, as plain ASGI so that streams are not buffered."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from services.assessor.usage.current import Measuring
from services.assessor.usage.meter import Meter
from signalbox.contracts.usage import NO_KEYS, UNKNOWN, Amount


class CountUsage:
    """Counts the models that a request called for its client, when its response is complete."""

    def __init__(self, app: ASGIApp, *, meter: Meter) -> None:
        self._app, self._meter = app, meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with Measuring() as usage:
            try:
                await self._app(scope, receive, send)
            finally:
                client = scope.get("state", {}).get("client") or NO_KEYS
                rejected = {"": Amount(requests=1)} if client == UNKNOWN else {}
                self._meter.add(client, usage.amounts or rejected)
