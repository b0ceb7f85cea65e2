"""Calls that share a request to a model server, or a run of a model, without a wait for company.

While fewer requests than allowed are in flight, a call is sent at once. What arrives meanwhile goes together in the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from signalbox.errors import ModelTimeout, ModelUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")
Send = Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]


@dataclass(frozen=True)
class Sharing:
    """The most requests in flight, and the most texts of a request. A call is never split, so one of more goes alone."""

    concurrency: int = 2
    texts: int = 64


@dataclass(eq=False)
class _Call(Generic[Item, Result]):
    """One caller. `peers`: the calls of its request, which `request` is, once it is in flight."""

    items: Sequence[Item]
    future: asyncio.Future[Sequence[Result]]
    request: asyncio.Task[None] | None = None
    peers: Sequence[_Call[Item, Result]] = ()

    def fail(self, error: Exception) -> None:
        """Raise this error in the caller, unless it has gone."""
        if not self.future.done():
            self.future.set_exception(error)

    def expire(self) -> None:
        """End the wait of the caller."""
        self.fail(TimeoutError())
        self.leave()

    def leave(self) -> None:
        """End the request if nobody waits for it any more: its place is free for others."""
        if self.request is not None and all(peer.future.done() for peer in self.peers):
            self.request.cancel()


class SharedRequests(Generic[Item, Result]):
    """The queue of one server. `send` is one request: a result for each item, which must not depend on the others."""

    def __init__(self, send: Send[Item, Result], sharing: Sharing) -> None:
        self._send, self._sharing = send, sharing
        self._waiting: deque[_Call[Item, Result]] = deque()
        self._requests: set[asyncio.Task[None]] = set()
        self._starting: asyncio.Task[None] | None = None

    async def results(self, items: Sequence[Item], timeout_seconds: float | None = None) -> Sequence[Result]:
        """A result for each item of a call. Raises what `send` raises for them, and TimeoutError if there is a limit."""
        loop = asyncio.get_running_loop()
        call = _Call[Item, Result](items, loop.create_future())
        self._waiting.append(call)
        self._start()
        # A timer of the loop: the context manager of asyncio costs several times as much.
        timer = None if timeout_seconds is None else loop.call_later(timeout_seconds, call.expire)
        try:
            return await call.future
        except asyncio.CancelledError:
            call.leave()
            raise
        finally:
            if timer is not None:
                timer.cancel()

    async def close(self) -> None:
        """End the requests in flight; their calls, and those that wait, fail."""
        error = ModelUnavailable("The client was closed.")
        while self._waiting:
            self._waiting.popleft().fail(error)
        requests = [*self._requests]
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)

    def _start(self) -> None:
        """Start a request if one more may be in flight.

        It takes what waits only when its task runs, so that the calls of one step of the event loop are one request.
        """
        if not self._waiting or len(self._requests) >= self._sharing.concurrency:
            return
        if self._starting is None or self._starting.done():
            self._starting = request = asyncio.create_task(self._request())
            self._requests.add(request)
            request.add_done_callback(self._end)

    def _end(self, request: asyncio.Task[None]) -> None:
        self._requests.discard(request)
        self._start()

    async def _request(self) -> None:
        request, self._starting = self._starting, None
        calls = self._next()
        self._start()  # for what exceeds this request
        for call in calls:
            call.request, call.peers = request, calls
        try:
            await self._answer(calls)
        except asyncio.CancelledError:
            for call in calls:
                call.fail(ModelUnavailable("The client was closed."))
            raise

    def _next(self) -> list[_Call[Item, Result]]:
        """The calls of the next request, in order of arrival; at least one, if any is left."""
        calls: list[_Call[Item, Result]] = []
        count = 0
        while self._waiting and (not calls or count + len(self._waiting[0].items) <= self._sharing.texts):
            call = self._waiting.popleft()
            if not call.future.done():  # its caller has not gone
                calls.append(call)
                count += len(call.items)
        return calls

    async def _answer(self, calls: Sequence[_Call[Item, Result]]) -> None:
        """Send one request. If it fails, its calls are sent alone, at once, so that only its cause fails.

        That is as without sharing, and one request more. After a timeout, the callers' time is over, too.
        """
        if not calls:
            return
        try:
            results = await self._send([item for call in calls for item in call.items])
        except Exception as error:
            if len(calls) == 1 or isinstance(error, ModelTimeout):
                for call in calls:
                    call.fail(error)
                return
            await asyncio.gather(*(self._answer([call]) for call in calls if not call.future.done()))
            return
        start = 0
        for call in calls:
            end = start + len(call.items)
            if not call.future.done():
                call.future.set_result(results[start:end])
            start = end
