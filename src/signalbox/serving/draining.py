"""How a server of uvicorn leaves a Service without a failed request: for a while, it answers and closes connections."""

from __future__ import annotations

import logging
import signal
import time
from types import FrameType
from typing import Any, Protocol

log = logging.getLogger(__name__)
_CLOSE = (b"connection", b"close")


class Server(Protocol):
    """What of `uvicorn.Server` is used here, so that the library does not require uvicorn."""

    config: Any
    server_state: Any

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal: stop listening, close idle connections, finish requests."""

    async def on_tick(self, counter: int) -> bool:
        """Do what is due ten times a second; returns whether the server ends."""


def drain_on_sigterm(server: Server, seconds: float) -> None:
    """Make SIGTERM wait up to `seconds`, in which each response closes its connection.

    uvicorn alone closes connections at once, also those on which a request is under way to it. A client that keeps its
    connection, such as a load balancer or a pool, then has a failed request. Here the next response on each connection
    says that it closes, and the client connects again, to another pod. The server ends as soon as no connection is open. A second signal, and
    Ctrl-C, end it at once.
    """
    if seconds <= 0:
        return
    end, tick = server.handle_exit, server.on_tick
    deadline: float | None = None

    def handle_exit(sig: int, frame: FrameType | None) -> None:
        nonlocal deadline
        if sig != signal.SIGTERM or deadline is not None:
            end(sig, frame)
            return
        deadline = time.monotonic() + seconds
        server.config.encoded_headers.append(_CLOSE)
        log.info("draining", extra={"seconds": seconds, "connections": len(server.server_state.connections)})

    async def on_tick(counter: int) -> bool:
        if deadline is not None:
            server.server_state.default_headers = [*server.config.encoded_headers]
            if time.monotonic() >= deadline or not server.server_state.connections:
                end(signal.SIGTERM, None)
        return await tick(counter)

    server.handle_exit = handle_exit  # type: ignore[method-assign]
    server.on_tick = on_tick  # type: ignore[method-assign]
