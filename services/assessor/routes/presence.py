"""Ends the work for a client that has left.

The server tells only who asks: `receive` returns `http.disconnect` then. Without it, a text whose client gave up keeps a
slot of the decoder up to the time limit, and the client's next try waits behind it.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect
from starlette.types import Receive

_PAUSE_SECONDS = 1.0


class Presences:
    """The clients that wait. They share a timer: at each tick, those that still wait get a task that watches.

    So most requests, which end before, cost neither a timer nor a task.
    """

    def __init__(self) -> None:
        # Public, because a method for each step of each request is most of what it costs.
        self.unwatched: set[Presence] = set()
        self.loop_of_timer: asyncio.AbstractEventLoop | None = None

    def start_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch what still waits after a pause."""
        self.loop_of_timer = loop
        loop.call_later(_PAUSE_SECONDS, self._tick)

    def _tick(self) -> None:
        self.loop_of_timer = None
        waiting, self.unwatched = self.unwatched, set()
        for presence in waiting:
            presence.watch()


class Presence:
    """The client of a request whose body has been read.

    `with` it, work is canceled once the client has left, and the block raises ClientDisconnect. What must not end halfway,
    such as a write, belongs outside of the block.
    """

    __slots__ = ("_cancelling", "_left", "_presences", "_receive", "_task", "_watcher")
    _task: asyncio.Task[object]

    def __init__(self, presences: Presences, receive: Receive) -> None:
        self._presences, self._receive = presences, receive
        self._watcher: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a request has a task
        self._task, presences, loop = task, self._presences, task.get_loop()
        if presences.loop_of_timer is not loop:
            presences.start_timer(loop)
        presences.unwatched.add(self)

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._presences.unwatched.discard(self)
        watcher, self._watcher = self._watcher, None
        if watcher is None:
            return
        watcher.cancel()
        # As asyncio.timeout: if someone else canceled the task, too, it stays canceled.
        is_ours = self._left and self._task.uncancel() <= self._cancelling
        if is_ours and kind is asyncio.CancelledError:
            raise ClientDisconnect from None

    def watch(self) -> None:
        """Cancel the work as soon as the client leaves."""
        self._left, self._cancelling = False, self._task.cancelling()
        self._watcher = self._task.get_loop().create_task(self._wait())

    async def _wait(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._left = True
            self._task.cancel()


async def _present(request: Request) -> Presence:
    return Presence(Presences(), request.receive)


Present = Annotated[Presence, Depends(_present)]
