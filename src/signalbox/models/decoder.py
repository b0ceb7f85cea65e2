"""Client of a decoder behind an OpenAI-compatible server: llama-server, vLLM, TGI, NIM, Ollama, OpenAI."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import ChatCompletionInputStreamOptions, ChatCompletionOutput, ChatCompletionStreamOutput

from signalbox.contracts.record import ModelRelease
from signalbox.errors import InputError, ModelError, ModelRejected, ModelUnavailable
from signalbox.models import verdict
from signalbox.models.base import Answer
from signalbox.models.chat import ChatClient, Said, add_chunk, from_completion
from signalbox.models.engines import ENGINES, Engine, engine_of
from signalbox.models.release import release_from_listing
from signalbox.models.transport import CONNECTION_RESETS, RetryBudget, model_errors, status_error
from signalbox.tasks import Task

_SEED = 0
_READY_TIMEOUT_SECONDS = 2.0
_LISTED_MODELS = 10
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class DecoderClient:
    """Asks one task's questions. Implements `ModelClient`; `stream` gives the text as it comes.

    Errors name the environment variables that begin with `variables` as the hint.
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
        if engine is not None and engine not in ENGINES:
            raise InputError("engine", engine, f"Known: {', '.join(ENGINES)}.")
        if concurrency < 1:
            raise InputError("concurrency", concurrency, "It must be at least 1.")
        self._task = task
        self._base_url = base_url.rstrip("/")
        self._model = model
        self._api_key = api_key
        self._variables = variables
        self._timeout_seconds = timeout_seconds
        self._constrained = constrained
        self._engine = ENGINES[engine] if engine else None
        self._max_answer_tokens = max_answer_tokens or task.max_answer_tokens
        self._slots = asyncio.Semaphore(concurrency)
        self._given_release = release
        self._known_release = release
        self._budget = RetryBudget()
        self._client: ChatClient | None = None

    async def release(self) -> ModelRelease:
        """Which release is served: what the caller gave, else what the server's listing tells."""
        if self._known_release is None:
            self._known_release = await self._read_release()
        return self._known_release

    async def ready(self) -> bool:
        """Whether the server lists its models now; never raises."""
        try:
            async with asyncio.timeout(_READY_TIMEOUT_SECONDS):
                await self._listing()
        except (ModelError, TimeoutError):
            return False
        return True

    async def answer(self, text: str, language: str) -> Answer:
        """One answer. Raises a ModelError."""
        messages = self._task.messages(text, language)
        async with self._slots:
            started = time.monotonic()
            with self._errors():
                async with asyncio.timeout(self._timeout_seconds):
                    release = await self.release()
                    body = await self._complete(messages, language)
                    return self._answer(from_completion(body), language, release, started)

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

    async def stream(self, text: str, language: str) -> AsyncIterator[str | Answer]:
        """An `Answer` once verdict and p(yes) are settled, the text in pieces, then the whole `Answer`.

        What comes before they are settled is held back, for a red light must withhold it. Raises a ModelError.
        """
        messages = self._task.messages(text, language)
        async with self._slots, self._new_client(close=True) as client:
            started = time.monotonic()
            deadline = asyncio.get_running_loop().time() + self._timeout_seconds
            said, settled = Said(), False
            with self._errors():
                async with asyncio.timeout_at(deadline):
                    release = await self.release()
                    chunks = await self._open_stream(client, messages, language)
                async for chunk in _until(deadline, chunks):
                    add_chunk(said, chunk)
                    if not settled and (said.finished or verdict.is_readable(said.positions, said.so_far)):
                        settled = True
                        yield self._answer(said, language, release, started)
                    if settled:
                        for piece in said.take():
                            yield piece
                if not said.finished:
                    raise ModelUnavailable(f"{self._base_url}: the stream ended before the answer did.")
                answer = self._answer(said, language, release, started)
            yield answer

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def _complete(self, messages: list[dict[str, str]], language: str) -> ChatCompletionOutput:
        """One completion; a connection that was reset is tried once more while the budget allows it."""
        options = await self._options(language)
        self._budget.earn()
        for last in (False, True):
            try:
                completion: ChatCompletionOutput = await self._session().chat_completion(messages, **options)
            except CONNECTION_RESETS:
                if last or not self._budget.spend():
                    raise
            else:
                break
        return completion

    async def _open_stream(
        self, client: ChatClient, messages: list[dict[str, str]], language: str
    ) -> AsyncIterator[ChatCompletionStreamOutput]:
        chunks = await client.chat_completion(
            messages,
            stream=True,
            stream_options=ChatCompletionInputStreamOptions(include_usage=True),
            **await self._options(language),
        )
        return aiter(chunks)

    async def _options(self, language: str) -> dict[str, Any]:
        engine = await self._served_engine()
        options: dict[str, Any] = {
            "model": self._model,
            "temperature": 0.0,
            "seed": _SEED,
            "max_tokens": self._max_answer_tokens,
            "logprobs": True,
            "top_logprobs": engine.max_top_logprobs,
        }
        if self._constrained:
            options["extra_body"] = self._constraint(engine, language)
        return options

    def _constraint(self, engine: Engine, language: str) -> dict[str, Any]:
        if engine.constraint is None:
            raise InputError(
                "decoder_constrained",
                True,
                f"{engine.name} cannot force the first word; set {self._variables}_CONSTRAINED=false.",
            )
        words = self._task.language(language).words
        return engine.constraint([word for label in ("yes", "no") for word in words[label]])

    def _answer(self, said: Said, language: str, release: ModelRelease, started: float) -> Answer:
        words = self._task.language(language).words
        text = said.so_far
        positions = verdict.answer_positions(said.positions, text)
        reading = verdict.read_verdict(positions, words) if positions else None
        return Answer(
            release=release,
            stated=verdict.stated_verdict(text, words),
            p_yes=reading.p_yes if reading else None,
            verdict_mass=reading.verdict_mass if reading else None,
            justification=verdict.split_justification(text, words) or None,
            prompt_tokens=getattr(said.usage, "prompt_tokens", None),
            completion_tokens=getattr(said.usage, "completion_tokens", None),
            latency_seconds=time.monotonic() - started,
        )

    async def _read_release(self) -> ModelRelease:
        entry = await self._listing()
        engine = self._engine or engine_of(entry.get("owned_by"))
        self._engine = engine
        local = urlsplit(self._base_url).hostname in _LOOPBACK
        return await asyncio.to_thread(release_from_listing, entry, engine, local=local)

    async def _served_engine(self) -> Engine:
        if self._engine is None and self._known_release is not None:
            self._engine = ENGINES.get(self._known_release.engine)
        if self._engine is None:
            self._engine = engine_of((await self._listing()).get("owned_by"))
        return self._engine

    async def _listing(self) -> dict[str, Any]:
        """The entry of /v1/models for our model. A server with one model is asked for that one, by its name there."""
        url = f"{self._base_url}/models"
        with self._errors():
            response = await self._session().listing()
            if response.status_code != httpx2.codes.OK:
                raise status_error(
                    url, response.status_code, response.content, key_variable=f"{self._variables}_API_KEY"
                )
            entries = response.json()["data"]
            named = [entry for entry in entries if entry["id"] == self._model]
            if not entries:
                raise ModelUnavailable(f"{url}: the server lists no model. Is it still loading?")
            if not named and len(entries) > 1:
                names = ", ".join(str(entry["id"]) for entry in entries[:_LISTED_MODELS])
                raise ModelRejected(
                    f"{url}: no model is called {self._model!r}. Set {self._variables}_MODEL to one of: {names}"
                )
            entry = dict((named or entries)[0])
            self._model = str(entry["id"])
            return entry

    def _session(self) -> ChatClient:
        if self._client is None:
            self._client = self._new_client()
        return self._client

    def _new_client(self, *, close: bool = False) -> ChatClient:
        return ChatClient(
            self._base_url, api_key=self._api_key, timeout_seconds=self._timeout_seconds, close=close
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Failures as ModelErrors; a server that went away may come back with another release."""
        try:
            key_variable = f"{self._variables}_API_KEY"
            with model_errors(self._base_url, self._timeout_seconds, key_variable=key_variable):
                yield
        except ModelUnavailable:
            self._known_release = self._given_release
            raise


async def _until(
    deadline: float, chunks: AsyncIterator[ChatCompletionStreamOutput]
) -> AsyncIterator[ChatCompletionStreamOutput]:
    """Each wait has the deadline; one timeout around a loop would also cancel its reader."""
    while True:
        async with asyncio.timeout_at(deadline):
            chunk = await anext(chunks, None)
        if chunk is None:
            return
        yield chunk
