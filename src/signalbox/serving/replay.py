"""A body that was read already, for the application that a request is passed on to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

# As Starlette names them, so that the library does not require it.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


def replayed(body: bytes, receive: Receive) -> Receive:
    """An ASGI `receive` that yields the body, then what follows it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
