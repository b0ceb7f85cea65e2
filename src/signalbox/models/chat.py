"""The OpenAI chat protocol as it is on the wire: the content of a completion, and the events of a stream."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from signalbox.models.verdict import Position

_DATA, _DONE = b"data:", b"[DONE]"


class _Wire(BaseModel):
    """What a server sends. Unknown fields are ignored; an error must not quote a text that a person wrote."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Alternative(_Wire):
    """A token that was possible in one place, with its natural log-probability."""

    token: str
    logprob: float
    bytes: tuple[Annotated[int, Field(ge=0, le=255)], ...] | None = None

    @property
    def text(self) -> str:
        """The token; what is no whole character as escaped bytes, which `signalbox.tasks.forms` joins."""
        if self.bytes and ("\ufffd" in self.token or not self.token):
            return bytearray(self.bytes).decode("utf-8", "surrogateescape")
        return self.token


class TokenLogprob(Alternative):
    """A generated token with the alternatives in its place."""

    top_logprobs: tuple[Alternative, ...] | None = None


class Logprobs(_Wire):
    """Log-probabilities of the generated tokens, in order."""

    content: tuple[TokenLogprob, ...] | None = None


class Usage(_Wire):
    """Token counts of one completion."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Message(_Wire):
    """A message, or the part of one that a chunk adds."""

    content: str | None = None


class Choice(_Wire):
    """The answer in a whole completion."""

    message: Message
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class Completion(_Wire):
    """The body of an answer that is not streamed."""

    choices: tuple[Choice, ...]
    usage: Usage | None = None


class ChunkChoice(_Wire):
    """The part of an answer in one chunk."""

    delta: Message | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class Chunk(_Wire):
    """One event of a stream. The last one may have only the usage; `error` ends the stream."""

    choices: tuple[ChunkChoice, ...] = ()
    usage: Usage | None = None
    error: Any = None


@dataclass
class Transcript:
    """The content of a completion up to now: text, tokens with their alternatives, usage."""

    pieces: list[str] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    usage: Usage | None = None
    finished: bool = False
    complete: bool = False  # the model ended it, not the limit of tokens
    _next: int = 0

    def add(self, chunk: Chunk) -> None:
        """Append one chunk of a stream."""
        self.usage = chunk.usage or self.usage
        if not chunk.choices:
            return
        choice = chunk.choices[0]
        self.finished = self.finished or choice.finish_reason is not None
        self.complete = self.complete or _ends(choice.finish_reason)
        self.positions += _positions(choice.logprobs)
        if choice.delta and choice.delta.content:
            self.pieces.append(choice.delta.content)

    def new_pieces(self) -> list[str]:
        """The pieces since the last call."""
        fresh, self._next = self.pieces[self._next :], len(self.pieces)
        return fresh

    @property
    def text(self) -> str:
        """The text, well formed."""
        return well_formed("".join(self.pieces))


def parse_completion(body: bytes) -> Transcript:
    """The content of a whole completion. Raises ValueError or IndexError on anything that is not one."""
    # Not model_validate_json: it rejects half a surrogate pair, which engines send.
    completion = Completion.model_validate(json.loads(body))
    choice = completion.choices[0]
    if choice.message.content is None:
        raise ValueError(f"it has no text, finish_reason={choice.finish_reason}")
    return Transcript(
        [choice.message.content],
        _positions(choice.logprobs),
        completion.usage,
        finished=True,
        complete=_ends(choice.finish_reason),
    )


async def parse_chunks(pieces: AsyncIterator[bytes]) -> AsyncIterator[Chunk]:
    """The chunks of a stream of server-sent events. Raises ValueError on an event that is none."""
    async for data in event_data(pieces):
        if data == _DONE:
            return
        yield Chunk.model_validate(json.loads(data))


async def event_data(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The `data:` lines of server-sent events; each is an event, as all engines write them.

    Split at newlines only: `splitlines` also splits at U+2028, which a text may contain.
    """
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(_DATA):
                yield line.removeprefix(_DATA).strip()
    if rest.startswith(_DATA):
        yield rest.removeprefix(_DATA).strip()


def well_formed(text: str) -> str:
    """The text with surrogate pairs joined that came in two chunks, and � for half ones: they have no UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _ends(finish_reason: str | None) -> bool:
    return finish_reason not in {None, "length"}


def _positions(logprobs: Logprobs | None) -> list[Position]:
    """The engine's log-probabilities as positions; the generated token is always among its alternatives."""
    positions = []
    for entry in (logprobs.content if logprobs else None) or ():
        alternatives = [(other.text, other.logprob) for other in entry.top_logprobs or ()]
        if entry.text not in {token for token, _ in alternatives} and math.isfinite(entry.logprob):
            alternatives.append((entry.text, entry.logprob))
        positions.append(Position(entry.text, tuple(alternatives)))
    return positions
