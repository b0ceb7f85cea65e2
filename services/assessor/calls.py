"""Counts the calls to each model that wait or fail, which wakes a model server at zero, and what they use."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from typing import Any

from services.assessor.metrics import Metrics
from services.assessor.usage.current import add_call
from signalbox.contracts import metrics as names
from signalbox.contracts.light import LightReason
from signalbox.contracts.record import ModelRelease
from signalbox.contracts.usage import Amount
from signalbox.errors import ModelError
from signalbox.models.base import Answer, ModelClient
from signalbox.traffic_light import decide_failure

_REASONS = (LightReason.UNAVAILABLE, LightReason.TIMEOUT, LightReason.REJECTED, LightReason.UNPARSABLE)


class Calls:
    """The metrics of the calls to one upstream."""

    def __init__(self, upstream: str, metrics: Metrics) -> None:
        self._upstream = upstream
        self.in_progress = metrics[names.UPSTREAM_WAITING].labels(upstream)
        failures = metrics[names.UPSTREAM_FAILURES]
        # All series from the start: `increase()` does not see the first failure of a series that appears with it.
        self._failures = {reason: failures.labels(upstream, reason.value) for reason in _REASONS}

    def waiting(self) -> Waiting:
        """Count a call as waiting until the block ends, with its seconds, and as failed if a ModelError ends it."""
        return Waiting(self)

    def count(self, amount: Amount) -> None:
        """Count what a call used for the client of the current request."""
        add_call(self._upstream, amount)

    def count_tokens(self, answers: Iterable[Answer]) -> None:
        """Count the tokens of answers; an encoder's have none."""
        for answer in answers:
            prompt, completion = answer.prompt_tokens or 0, answer.completion_tokens or 0
            if prompt or completion:
                self.count(Amount(0, prompt, completion))

    def count_failure(self, reason: LightReason) -> None:
        """Count a call without a usable answer."""
        self._failures[reason].inc()


class Waiting:
    """A call that waits. A class, because a generator as a context manager costs several times as much."""

    __slots__ = ("_calls", "_start")

    def __init__(self, calls: Calls) -> None:
        self._calls, self._start = calls, time.perf_counter()

    def __enter__(self) -> None:
        self._calls.in_progress.inc()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._calls.in_progress.dec()
        if isinstance(error, ModelError):
            self._calls.count_failure(decide_failure(error).reason)
        self._calls.count(Amount(seconds=time.perf_counter() - self._start))


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
            answer = await self._client.answer(text, language, **_passages(context))
        self._calls.count_tokens([answer])
        return answer

    async def verdict(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
        """One answer without its justification. Raises a ModelError."""
        with self._calls.waiting():
            answer = await self._client.verdict(text, language, **_passages(context))
        self._calls.count_tokens([answer])
        return answer

    async def answer_many(self, texts: list[str], language: str) -> list[Answer]:
        """Answers in the order of `texts`, counted as one call. Raises a ModelError."""
        with self._calls.waiting():
            answers = await self._client.answer_many(texts, language)
        self._calls.count_tokens(answers)
        return answers

    async def stream(
        self, text: str, language: str, context: Sequence[str] = ()
    ) -> AsyncIterator[str | Answer]:
        """The answer as it comes. Raises a ModelError."""
        last: str | Answer = ""
        with self._calls.waiting():
            async with aclosing(self._client.stream(text, language, **_passages(context))) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    last = piece
                    yield piece
        if isinstance(last, Answer):
            self._calls.count_tokens([last])

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()


def _passages(context: Sequence[str]) -> dict[str, Any]:
    """The argument for passages, if there are some: a client of a task without them need not know it."""
    return {"context": context} if context else {}
