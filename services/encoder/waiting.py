"""Requests that wait for the one inference thread, and run together when it is free.

An idle thread takes a request at once: nothing waits for company. What arrives meanwhile is one run, in which texts of
similar length share a batch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

Result = TypeVar("Result")
Compute = Callable[[Sequence[str]], Sequence[Result]]
TEXTS_TOGETHER = 64  # bounds how long a request that has just missed a run waits for it


@dataclass(frozen=True)
class _Waiting(Generic[Result]):
    texts: Sequence[str]
    future: asyncio.Future[Sequence[Result]]


class Waiting(Generic[Result]):
    """Computes the texts of all waiting requests in a thread of its own, so that health checks are answered meanwhile.

    `compute` gives a result for each text, which must not depend on the other texts.
    """

    def __init__(self, compute: Compute[Result]) -> None:
        self._compute = compute
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
        self._waiting: deque[_Waiting[Result]] = deque()
        self._runner: asyncio.Task[None] | None = None

    async def results(self, texts: Sequence[str]) -> Sequence[Result]:
        """A result for each text of a request. Raises what `compute` raises for them."""
        request = _Waiting[Result](texts, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await request.future

    async def _run(self) -> None:
        while requests := self._next():
            await self._answer(requests)

    def _next(self) -> list[_Waiting[Result]]:
        """The requests of the next run, in order of arrival; at least one, if any has not been canceled."""
        requests: list[_Waiting[Result]] = []
        count = 0
        while self._waiting and (not requests or count + len(self._waiting[0].texts) <= TEXTS_TOGETHER):
            request = self._waiting.popleft()
            if not request.future.done():  # its client has not gone
                requests.append(request)
                count += len(request.texts)
        return requests

    async def _answer(self, requests: Sequence[_Waiting[Result]]) -> None:
        """Set the futures of these requests. If the run fails, each runs alone, so that only its cause fails."""
        texts = [text for request in requests for text in request.texts]
        try:
            results = await asyncio.get_running_loop().run_in_executor(self._thread, self._compute, texts)
        except Exception as error:
            if len(requests) == 1:
                _fail(requests[0], error)
                return
            for request in requests:
                await self._answer([request])
            return
        start = 0
        for request in requests:
            end = start + len(request.texts)
            if not request.future.done():
                request.future.set_result(results[start:end])
            start = end


def _fail(request: _Waiting[Result], error: Exception) -> None:
    if not request.future.done():
        request.future.set_exception(error)
