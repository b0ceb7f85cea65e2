"""Requests that wait for the one inference thread, and run together when it is free.

An idle thread takes a request at once: nothing waits for company. What arrives meanwhile is one run, in which texts of
similar length share a batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from signalbox.serving.sharing import SharedRequests, Sharing

Result = TypeVar("Result")
Compute = Callable[[Sequence[str]], Sequence[Result]]
TEXTS_TOGETHER = 64  # bounds how long a request that has just missed a run waits for it


class Waiting(Generic[Result]):
    """Computes the texts of all waiting requests in a thread of its own, so that health checks are answered meanwhile.

    `compute` gives a result for each text, which must not depend on the other texts.
    """

    def __init__(self, compute: Compute[Result]) -> None:
        self._compute = compute
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
        self._runs = SharedRequests(self._run, Sharing(concurrency=1, texts=TEXTS_TOGETHER))

    async def results(self, texts: Sequence[str]) -> Sequence[Result]:
        """A result for each text of a request. Raises what `compute` raises for them."""
        return await self._runs.results(texts)

    async def _run(self, texts: Sequence[str]) -> Sequence[Result]:
        run = asyncio.get_running_loop().run_in_executor(self._thread, self._compute, texts)
        try:
            return await asyncio.shield(run)
        except asyncio.CancelledError:
            await asyncio.wait(
                [run]
            )  # the thread computes on: until it is free, what arrives shares the next run
            raise
