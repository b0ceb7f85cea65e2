"""One model on an OpenAI-compatible server: its slots, time limit, errors, engine and release."""

from __future__ import annotations

import asyncio
import json
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
        self._configured_model = self._model = model
        self._timeout_seconds = timeout_seconds
        self._configured_engine = self._engine = ENGINES[engine] if engine else None
        self._slots = asyncio.Semaphore(concurrency)
        self._configured_release = self._current_release = release
        self._identity: str | None = None  # of what the server listed last
        self._resets = 0
        self._session = ChatSession(
            self.base_url,
            api_key=api_key,
            timeout_seconds=timeout_seconds,
            key_variable=f"{variables}_API_KEY",
        )

    async def release(self) -> ModelRelease:
        """The release that is served now: the configured one, else that of the listing. Raises a ModelError."""
        return self._configured_release or await self._release_of(await self._listing())

    async def last_release(self) -> ModelRelease:
        """The same without a request, unless the server was away or listed another model. Raises a ModelError."""
        return self._current_release or await self.release()

    async def _release_of(self, entry: Mapping[str, Any]) -> ModelRelease:
        if self._current_release is not None:  # the entry is of the same model: see `_listing`
            return self._current_release
        resets, engine = self._resets, self._configured_engine or engine_of(entry.get("owned_by"))
        local = is_loopback(self.base_url)
        release = await asyncio.to_thread(release_from_listing, dict(entry), engine, local=local)
        if resets == self._resets:  # a large file takes seconds, in which the server may get another one
            self._engine, self._current_release = engine, release
        return release

    async def engine(self) -> Engine:
        """The engine: the configured one, else that of the release or the listing. Raises a ModelError."""
        if self._engine is None and self._current_release is not None:
            self._engine = ENGINES.get(self._current_release.engine)
        if self._engine is None:
            self._engine = engine_of((await self._listing()).get("owned_by"))
        return self._engine

    @property
    def identity(self) -> str | None:
        """What the release follows from, as last listed; None where it is configured, or nothing was listed yet."""
        return None if self._configured_release else self._identity

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
        """The entry of our model in /models. A server with one model serves that one, by its name there.

        An entry of another model than before means another release and engine, though the server never went away.
        """
        url = f"{self.base_url}/models"
        with self._errors():
            entries = await self._session.models()
            if not entries:
                raise ModelUnavailable(f"{url}: the server lists no model.", hint="Is it still loading?")
            by_name = {str(entry["id"]): entry for entry in reversed(entries)}
            ours = by_name.get(self._configured_model) or by_name.get(self._model)
            if not ours and len(entries) > 1:
                names = ", ".join(str(entry["id"]) for entry in entries[:_LISTED_MODELS])
                raise ModelRejected(
                    f"{url}: no model is called {self._configured_model!r}.",
                    hint=f"Set {self.variables}_MODEL to one of: {names}",
                )
            entry = dict(ours or entries[0])
            self._model = str(entry["id"])
            self._compare(_identity(entry))
            return entry

    def _compare(self, identity: str) -> None:
        if self._identity not in {None, identity}:
            self._reset()
        self._identity = identity

    def _reset(self) -> None:
        """Read the release and the engine again before the next answer, unless they are configured."""
        self._resets += 1
        self._current_release, self._engine = self._configured_release, self._configured_engine

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Failures as ModelErrors; a server that went away may come back with another release."""
        try:
            with model_errors(self.base_url, self._timeout_seconds):
                yield
        except ModelUnavailable:
            self._reset()
            raise


def _identity(entry: Mapping[str, Any]) -> str:
    """What a release and its engine follow from. Not `created` and the like, which change with each request."""
    return json.dumps([entry.get(name) for name in ("id", "owned_by", "meta")], sort_keys=True)


class ChatCall:
    """One answer of a `ChatServer`: everything in it shares one time limit, which began with the slot."""

    def __init__(self, server: ChatServer, session: ChatSession, deadline: float) -> None:
        self._server, self._session, self._deadline = server, session, deadline
        self._started = time.monotonic()
        self._identity: str | None = None

    @property
    def seconds(self) -> float:
        """Time since the call got its slot."""
        return time.monotonic() - self._started

    async def release(self) -> ModelRelease:
        """The release that answers. If the server gets another model before the answer is whole, the answer fails."""
        async with asyncio.timeout_at(self._deadline):
            release = await self._server.last_release()
        self._identity = self._server.identity
        return release

    async def engine(self) -> Engine:
        """The engine that answers."""
        async with asyncio.timeout_at(self._deadline):
            return await self._server.engine()

    async def complete(
        self, messages: Messages, *, max_tokens: int, extra: Mapping[str, Any] | None = None
    ) -> Transcript:
        """One whole completion; `extra` is added to the request."""
        async with asyncio.timeout_at(self._deadline):
            body = await self._server.body(messages, max_tokens, extra or {})
            transcript = await self._session.complete(body)
        self._check_model()
        return transcript

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
                self._check_model()
                if chunk is None:
                    return
                yield chunk

    def _check_model(self) -> None:
        """Which of two models answers is not known, so neither's certificate may count."""
        if self._identity not in {None, self._server.identity}:
            raise ModelUnavailable(
                f"{self._server.base_url}: the server got another model during the answer.",
                hint="Send the text again: the next answer is of the new model.",
            )
