"""Tokens of a chat completion that is passed through, read from the answer on its way. Pure.

An engine reports tokens in `usage`. A stream has it only if its client sends `stream_options: {"include_usage": true}`;
without it, each event with text counts as one token, which is what engines send.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json

from signalbox.contracts.usage import Amount

_MOST_LINE_BYTES = 1024 * 1024


class ChatTokens:
    """Reads the pieces of an answer, streamed or not."""

    def __init__(self, *, is_stream: bool) -> None:
        self._is_stream = is_stream
        self._rest = b""
        self._events = 0
        self._usage: tuple[int, int] | None = None

    def read(self, piece: bytes) -> None:
        """The next piece of the answer."""
        self._rest += piece
        if self._is_stream:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                self._read_event(line)
            self._rest = self._rest[-_MOST_LINE_BYTES:]

    @property
    def amount(self) -> Amount:
        """The tokens so far."""
        usage = self._usage if self._is_stream else _usage_of(_parsed(self._rest))
        prompt, completion = usage or (0, self._events)
        return Amount(prompt_tokens=prompt, completion_tokens=completion)

    def _read_event(self, line: bytes) -> None:
        if not line.startswith(b"data:"):
            return
        event = _parsed(line[5:])
        if usage := _usage_of(event):
            self._usage = usage
        if isinstance(event, dict) and any(map(_has_text, event.get("choices") or ())):
            self._events += 1


def _parsed(text: bytes) -> Any:  # noqa: ANN401 - JSON of another program
    try:
        return from_json(text)
    except ValueError:
        return _leniently_parsed(text)


def _leniently_parsed(text: bytes) -> Any:  # noqa: ANN401 - JSON of another program
    """What the fast parser rejects and Python's does not, such as half of a surrogate pair from an engine."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _usage_of(answer: Any) -> tuple[int, int] | None:  # noqa: ANN401 - JSON of another program
    usage = answer.get("usage") if isinstance(answer, dict) else None
    if not isinstance(usage, dict):
        return None
    return _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _has_text(choice: Any) -> bool:  # noqa: ANN401 - JSON of another program
    delta = choice.get("delta") if isinstance(choice, dict) else None
    return isinstance(delta, dict) and any(
        delta.get(name) for name in ("content", "reasoning_content", "tool_calls")
    )
