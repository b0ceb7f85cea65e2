"""Client of a decoder behind an OpenAI-compatible server: llama-server, vLLM, TGI, NIM, Ollama, OpenAI."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from signalbox.contracts.record import ModelRelease
from signalbox.errors import InputError, ModelUnavailable
from signalbox.models import verdict
from signalbox.models.base import Answer
from signalbox.models.chat import Transcript
from signalbox.models.engines import Engine
from signalbox.models.server import ChatCall, ChatServer, Messages
from signalbox.tasks import Task
from signalbox.tasks.checks import alike
from signalbox.tasks.forms import Words

log = logging.getLogger(__name__)

_FEWEST_TOKENS = 2  # a word, and what shows that it has ended


class DecoderClient:
    """Answers one task's questions. Implements `ModelClient`; `stream` gives the text as it comes.

    `constrained` forces the first word to be a verdict word. For the other options see `ChatServer`.
    """

    def __init__(
        self,
        task: Task,
        base_url: str,
        *,
        model: str,
        api_key: str | None = None,
        timeout_seconds: float = 60.0,
        constrained: bool = False,
        engine: str | None = None,
        max_answer_tokens: int | None = None,
        concurrency: int = 2,
        release: ModelRelease | None = None,
        variables: str = "SIGNALBOX_DECODER",
    ) -> None:
        self._task = task
        self._constrained = constrained
        self._max_answer_tokens = max_answer_tokens or task.max_answer_tokens
        self._server = ChatServer(
            base_url,
            model=model,
            api_key=api_key,
            timeout_seconds=timeout_seconds,
            engine=engine,
            concurrency=concurrency,
            release=release,
            variables=variables,
        )
        self._verdict_tokens: dict[str, int] = {}
        self._warn_of_words()

    def _warn_of_words(self) -> None:
        """The tokenizer decides, and it is not known here: words may begin with the same token."""
        for language in self._task.languages:
            for one, other, beginning in alike(self._task.answer_forms(language)):
                fields = {"language": language, "labels": [one, other], "beginning": beginning}
                log.warning("labels begin alike; `answer: letters` distinguishes them better", extra=fields)

    async def release(self) -> ModelRelease:
        """The release that is served: the configured one, else that of the server's listing."""
        return await self._server.release()

    async def ready(self) -> bool:
        """Whether the server lists its models now; never raises."""
        return await self._server.ready()

    async def answer(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
        """One answer. Raises a ModelError."""
        messages = self._task.messages(text, language, context)
        async with self._server.call() as call:
            release = await call.release()
            options = await self._options(call, language)
            return self._answer(await call.complete(messages, **options), language, release, call.seconds)

    async def verdict(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
        """The answer without its justification: the same verdict and probabilities in few tokens. Raises a ModelError.

        It asks for as many tokens as the answers before it needed; where they do not settle it, for a whole answer.
        """
        messages = self._task.messages(text, language, context)
        words = self._task.answer_forms(language)
        async with self._server.call() as call:
            release = await call.release()
            options = await self._options(call, language)
            few = min(self._verdict_tokens.get(language, verdict.steps(words)), self._max_answer_tokens)
            transcript = None
            if few < self._max_answer_tokens:
                transcript = await self._settled(call, messages, words, options | {"max_tokens": few})
            if transcript is None:
                transcript = await call.complete(messages, **options)
            self._remember(transcript, language, words)
            answer = self._answer(transcript, language, release, call.seconds)
        return answer.model_copy(update={"justification": None})

    async def answer_many(self, texts: list[str], language: str) -> list[Answer]:
        """Answers in the order of `texts`, at most `concurrency` at once.

        The first failure cancels the rest and is raised: a list of answers has no place for an error.
        """
        calls = [asyncio.ensure_future(self.answer(text, language)) for text in texts]
        try:
            return list(await asyncio.gather(*calls))
        finally:
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    async def stream(
        self, text: str, language: str, context: Sequence[str] = ()
    ) -> AsyncIterator[str | Answer]:
        """An `Answer` once verdict and probabilities are settled, the text in pieces, then the whole `Answer`.

        What comes before they are settled is held back, for a red light must withhold it. Raises a ModelError.
        """
        messages = self._task.messages(text, language, context)
        transcript, settled = Transcript(), False
        async with self._server.call() as call:
            release = await call.release()
            options = await self._options(call, language)
            async with aclosing(call.stream(messages, **options)) as chunks:
                async for chunk in chunks:
                    transcript.add(chunk)
                    if not settled and self._is_settled(transcript, language):
                        settled = True
                        yield self._answer(transcript, language, release, call.seconds)
                    if settled:
                        for piece in transcript.new_pieces():
                            yield piece
            if not transcript.finished:
                raise ModelUnavailable(f"{self._server.base_url}: the stream ended before the answer did.")
            answer = self._answer(transcript, language, release, call.seconds)
        yield answer

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def _settled(
        self, call: ChatCall, messages: Messages, words: Words, options: dict[str, Any]
    ) -> Transcript | None:
        """A short completion; None where it is not enough, or has no text yet because the model thinks first."""
        try:
            transcript = await call.complete(messages, **options)
        except ValueError:
            return None
        return transcript if self._needed(transcript, words) is not None else None

    def _needed(self, transcript: Transcript, words: Words) -> int | None:
        return verdict.tokens_to_verdict(
            transcript.positions, transcript.text, words, ended=transcript.complete
        )

    def _remember(self, transcript: Transcript, language: str, words: Words) -> None:
        """The most that an answer needed. One that never settles asks for a whole answer from the start."""
        needed = self._needed(transcript, words) or self._max_answer_tokens
        self._verdict_tokens[language] = max(self._verdict_tokens.get(language, _FEWEST_TOKENS), needed)

    async def _options(self, call: ChatCall, language: str) -> dict[str, Any]:
        extra = self._constraint(await call.engine(), language) if self._constrained else {}
        return {"max_tokens": self._max_answer_tokens, "extra": extra}

    def _constraint(self, engine: Engine, language: str) -> dict[str, Any]:
        if engine.constraint is None:
            raise InputError(
                "decoder_constrained",
                True,
                f"Set {self._server.variables}_CONSTRAINED=false.",
                problem=f"{engine.name} cannot force the first word of an answer.",
            )
        forms = self._task.answer_forms(language)
        return engine.constraint([form for words in forms.values() for form in words])

    def _answer(
        self, transcript: Transcript, language: str, release: ModelRelease, latency_seconds: float
    ) -> Answer:
        words = self._task.answer_forms(language)
        text, usage = transcript.text, transcript.usage
        positions = verdict.answer_positions(transcript.positions, text)
        complete = transcript.complete
        reading = verdict.read_verdict(positions, words, complete=complete) if positions else None
        return Answer(
            release=release,
            stated=verdict.stated_verdict(text, words),
            probabilities=reading.probabilities if reading else None,
            verdict_mass=reading.verdict_mass if reading else None,
            justification=verdict.split_justification(text, words) or None,
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
            latency_seconds=latency_seconds,
        )

    def _is_settled(self, transcript: Transcript, language: str) -> bool:
        """Whether more text would not change verdict and probabilities."""
        words = self._task.answer_forms(language)
        return transcript.finished or verdict.is_readable(transcript.positions, transcript.text, words)
