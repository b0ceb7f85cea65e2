"""The OpenAI chat protocol through huggingface_hub: the session, and what a completion or a stream says."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import httpx2
from huggingface_hub import (
    AsyncInferenceClient,
    ChatCompletionOutput,
    ChatCompletionOutputLogprobs,
    ChatCompletionOutputUsage,
    ChatCompletionStreamOutput,
    ChatCompletionStreamOutputLogprobs,
    ChatCompletionStreamOutputUsage,
)

from signalbox.models.verdict import Position

# Without a key huggingface_hub would send the user's own Hub token to whatever server is asked.
_NO_KEY = "none"


class ChatClient(AsyncInferenceClient):
    """huggingface_hub's client on a plain HTTP session.

    Its own session refuses to talk to any server when HF_HUB_OFFLINE is set, as air-gapped hosts do, and
    follows redirects. One instance for streams says `Connection: close`: llama-server closes the socket
    after a stream, and a session that reuses it at once is cut off.
    """

    def __init__(
        self, base_url: str, *, api_key: str | None, timeout_seconds: float, close: bool = False
    ) -> None:
        headers = {"connection": "close"} if close else None
        super().__init__(
            base_url=base_url, api_key=api_key or _NO_KEY, timeout=timeout_seconds, headers=headers
        )

    async def listing(self) -> httpx2.Response:
        """The answer to GET /models."""
        session = await self._get_async_client()
        headers = {"authorization": f"Bearer {self.token}"}
        return await session.get(f"{self.model}/models", headers=headers, timeout=self.timeout)

    async def close(self) -> None:
        """Close the session and every stream that it opened."""
        await self.exit_stack.aclose()

    async def _get_async_client(self) -> httpx2.AsyncClient:
        if self._async_client is None:
            self._async_client = await self.exit_stack.enter_async_context(httpx2.AsyncClient(timeout=None))
        return self._async_client


@dataclass
class Said:
    """What a completion has said so far."""

    text: list[str] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    usage: ChatCompletionOutputUsage | ChatCompletionStreamOutputUsage | None = None
    finished: bool = False
    taken: int = 0

    def take(self) -> list[str]:
        """The pieces that were not taken yet."""
        fresh, self.taken = self.text[self.taken :], len(self.text)
        return fresh

    @property
    def so_far(self) -> str:
        """The text, well formed."""
        return well_formed("".join(self.text))


def from_completion(body: ChatCompletionOutput) -> Said:
    """What a whole completion says. Raises on anything that is not one."""
    choice = body.choices[0]
    content = choice.message.content
    if not isinstance(content, str):
        raise TypeError(f"it holds no text, finish_reason={choice.finish_reason}")
    return Said([content], _positions(choice.logprobs), body.usage, finished=True)


def add_chunk(said: Said, chunk: ChatCompletionStreamOutput) -> None:
    """Take over one chunk of a stream."""
    said.usage = chunk.usage or said.usage
    if not chunk.choices:
        return
    choice = chunk.choices[0]
    said.finished = said.finished or choice.finish_reason is not None
    said.positions += _positions(choice.logprobs)
    piece = choice.delta.content if choice.delta else None
    if piece:
        said.text.append(piece)


def well_formed(text: str) -> str:
    """The text with surrogate pairs joined that came in two chunks, and � for half ones: they have no UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _positions(
    logprobs: ChatCompletionOutputLogprobs | ChatCompletionStreamOutputLogprobs | None,
) -> list[Position]:
    """The engine's log-probabilities as positions; the generated token is always among its alternatives."""
    positions = []
    for entry in (logprobs.content if logprobs else None) or ():
        listed = [(other.token, float(other.logprob)) for other in entry.top_logprobs or ()]
        if entry.token not in {token for token, _ in listed} and math.isfinite(entry.logprob):
            listed.append((entry.token, float(entry.logprob)))
        positions.append(Position(entry.token, tuple(listed)))
    return positions
