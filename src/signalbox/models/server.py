"""One model on an OpenAI-compatible server: its slots, time limit, errors, engine and release."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any

from signalbox.contracts.record import ModelRelease
from signalbox.errors import InputError, ModelError, ModelRejected, ModelUnavailable
from signalbox.models.chat import Chunk, Transcript
from signalbox.models.engines import ENGINES, Engine, engine_of
from signalbox.models.release import release_from_listing
from signalbox.models.session import ChatSession
from signalbox.models.transport import model_errors
from signalbox.proxies import is_loopback

_SEED = 0
_READY_TIMEOUT_SECONDS = 2.0
_LISTED_MODELS = 10

Messages = Sequence[Mapping[str, str]]


class ChatServer:
    """One model on a server that speaks `/v1/chat/completions`; `call` reserves a slot of it.

    Errors name the environment variables that begin with `variables` as the hint.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str,
        api_key: str | None = None,
        timeout_seconds: float = 60.0,
        engine: str | None = None,
        concurrency: int = 2,
        release: ModelRelease | None = None,
        variables: str = "SIGNALBOX_DECODER",
    ) -> None:
        if engine is not None and engine not in ENGINES:
            raise InputError("engine", engine, f"Known: {', '.join(ENGINES)}.")
        if concurrency < 1:
            raise InputError("concurrency", concurrency, "It must be at least 1.")
        self.base_url = base_url.rstrip("/")
        self.variables = variables
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._engine = ENGINES[engine] if engine else None
        self._slots = asyncio.Semaphore(concurrency)
        self._configured_release = release
        self._current_release = release
        self._session = ChatSession(
            self.base_url,
            api_key=api_key,
            timeout_seconds=timeout_seconds,
            key_variable=f"{variables}_API_KEY",
        )

    async def release(self) -> ModelRelease:
        """The release that is served: the configured one, else that of the listing. Raises a ModelError."""
        if self._current_release is None:
            entry = await self._listing()
            engine = self._engine = self._engine or engine_of(entry.get("owned_by"))
            local = is_loopback(self.base_url)
            self._current_release = await asyncio.to_thread(release_from_listing, entry, engine, local=local)
        return self._current_release

    async def engine(self) -> Engine:
        """The engine: the configured one, else that of the release or the listing. Raises a ModelError."""
        if self._engine is None and self._current_release is not None:
            self._engine = ENGINES.get(self._current_release.engine)
        if self._engine is None:
            self._engine = engine_of((await self._listing()).get("owned_by"))
        return self._engine

    async def ready(self) -> bool:
        """Whether the server lists its models now; never raises."""
        try:
            async with asyncio.timeout(_READY_TIMEOUT_SECONDS):
                await self._listing()
        except (ModelError, TimeoutError):
            return False
        return True

    @asynccontextmanager
    async def call(self) -> AsyncIterator[ChatCall]:
        """A slot of the server, for one answer. Failures in the block become ModelErrors."""
        async with self._slots:
            deadline = asyncio.get_running_loop().time() + self._timeout_seconds
            with self._errors():
                yield ChatCall(self, self._session, deadline)

    async def body(self, messages: Messages, max_tokens: int, extra: Mapping[str, Any]) -> dict[str, Any]:
        """The request for a completion, with the most alternatives per token that the engine gives."""
        top_logprobs = (await self.engine()).max_top_logprobs
        return {
            "model": self._model,  # after engine(): the listing may have corrected it
            "messages": [*messages],
            "temperature": 0.0,
            "seed": _SEED,
            "max_tokens": max_tokens,
            "logprobs": True,
            "top_logprobs": top_logprobs,
            **extra,
        }

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def _listing(self) -> dict[str, Any]:
        """The entry of our model in /models. A server with one model serves that one, by its name there."""
        url = f"{self.base_url}/models"
        with self._errors():
            entries = await self._session.models()
            if not entries:
                raise ModelUnavailable(f"{url}: the server lists no model.", hint="Is it still loading?")
            ours = [entry for entry in entries if entry["id"] == self._model]
            if not ours and len(entries) > 1:
                names = ", ".join(str(entry["id"]) for entry in entries[:_LISTED_MODELS])
                raise ModelRejected(
                    f"{url}: no model is called {self._model!r}.",
                    hint=f"Set {self.variables}_MODEL to one of: {names}",
                )
            entry = dict((ours or entries)[0])
            self._model = str(entry["id"])
            return entry

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Failures as ModelErrors; a server that went away may come back with another release."""
        try:
            with model_errors(self.base_url, self._timeout_seconds):
                yield
        except ModelUnavailable:
            self._current_release = self._configured_release
            raise


class ChatCall:
    """One answer of a `ChatServer`: everything in it shares one time limit, which began with the slot."""

    def __init__(self, server: ChatServer, session: ChatSession, deadline: float) -> None:
        self._server, self._session, self._deadline = server, session, deadline
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time since the call got its slot."""
        return time.monotonic() - self._started

    async def release(self) -> ModelRelease:
        """The release that answers."""
        async with asyncio.timeout_at(self._deadline):
            return await self._server.release()

    async def engine(self) -> Engine:
        """The engine that answers."""
        async with asyncio.timeout_at(self._deadline):
            return await self._server.engine()

    async def complete(
        self, messages: Messages, *, max_tokens: int, extra: Mapping[str, Any] | None = None
    ) -> Transcript:
        """One whole completion; `extra` is added to the request."""
        async with asyncio.timeout_at(self._deadline):
            return await self._session.complete(await self._server.body(messages, max_tokens, extra or {}))

    async def stream(
        self, messages: Messages, *, max_tokens: int, extra: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Chunk, None]:
        """The chunks of one completion. Raises ModelUnavailable where the server reports an error."""
        async with asyncio.timeout_at(self._deadline):
            body = await self._server.body(messages, max_tokens, extra or {})
        async with aclosing(self._session.stream(body)) as chunks:
            while True:
                # A time limit for each wait: one around the loop would also cancel the reader of the chunks.
                async with asyncio.timeout_at(self._deadline):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                yield chunk
