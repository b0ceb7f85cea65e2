"""Counts the calls to each model that wait or fail: what wakes a model server that is scaled to zero."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any

from services.assessor.metrics import Metrics
from signalbox.contracts import metrics as names
from signalbox.contracts.light import LightReason
from signalbox.contracts.record import ModelRelease
from signalbox.errors import ModelError
from signalbox.models.base import Answer, ModelClient
from signalbox.traffic_light import decide_failure

_REASONS = (LightReason.UNAVAILABLE, LightReason.TIMEOUT, LightReason.REJECTED, LightReason.UNPARSABLE)


class Calls:
    """The metrics of the calls to one upstream."""

    def __init__(self, upstream: str, metrics: Metrics) -> None:
        self._waiting = metrics[names.UPSTREAM_WAITING].labels(upstream)
        failures = metrics[names.UPSTREAM_FAILURES]
        # All series from the start: `increase()` does not see the first failure of a series that appears with it.
        self._failures = {reason: failures.labels(upstream, reason.value) for reason in _REASONS}

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count a call as waiting until the block ends, and as failed if a ModelError ends it."""
        with self._waiting.track_inprogress():
            try:
                yield
            except ModelError as error:
                self.count_failure(decide_failure(error).reason)
                raise

    def count_failure(self, reason: LightReason) -> None:
        """Count a call without a usable answer."""
        self._failures[reason].inc()


class CountedClient:
    """A model client whose calls are counted. Implements `ModelClient`."""

    def __init__(self, client: ModelClient, calls: Calls) -> None:
        self._client, self._calls = client, calls

    async def release(self) -> ModelRelease:
        """Which release is being served; not counted."""
        return await self._client.release()

    async def ready(self) -> bool:
        """Whether the server accepts requests now; not counted, because nobody waits for it."""
        return await self._client.ready()

    async def answer(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
        """One answer. Raises a ModelError."""
        with self._calls.waiting():
            return await self._client.answer(text, language, **_passages(context))

    async def verdict(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
        """One answer without its justification. Raises a ModelError."""
        with self._calls.waiting():
            return await self._client.verdict(text, language, **_passages(context))

    async def answer_many(self, texts: list[str], language: str) -> list[Answer]:
        """Answers in the order of `texts`, counted as one call. Raises a ModelError."""
        with self._calls.waiting():
            return await self._client.answer_many(texts, language)

    async def stream(
        self, text: str, language: str, context: Sequence[str] = ()
    ) -> AsyncIterator[str | Answer]:
        """The answer as it comes. Raises a ModelError."""
        with self._calls.waiting():
            async with aclosing(self._client.stream(text, language, **_passages(context))) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    yield piece

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()


def _passages(context: Sequence[str]) -> dict[str, Any]:
    """The argument for passages, if there are some: a client of a task without them need not know it."""
    return {"context": context} if context else {}
