"""A transport that writes the head of an HTTP response together with the first piece of its body.

uvicorn writes them one after the other, and each is a call to the kernel, a segment and a wake of the client
(docs/decisions/0091-joined-head.md).
"""

from __future__ import annotations

import asyncio
from typing import Any

_HEAD = b"HTTP/1."


class JoinedHead:
    """Holds the head of a response until the next write, or for one turn of the event loop if none comes, as in a stream.

    All else is the transport's. A piece of a body that looks like a head is only written a turn later.
    """

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head: bytes | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of the transport
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write or hold `data`; the order of writes stays."""
        head = self._head
        if head is not None:
            self._head = None
            self._transport.writelines((head, data))
        elif data.startswith(_HEAD):
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Whether the transport is closed or closes."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Write what is held, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        head, self._head = self._head, None
        if head is not None:
            self._transport.write(head)
