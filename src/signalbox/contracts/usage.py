"""What a client of the assessor used on a day, by model: the row that is stored and counted."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

# No client of the file of keys has one of these names: parentheses are not allowed there.
UNKNOWN, NO_KEYS, OTHERS = "(unknown)", "(none)", "(others)"


class Amount(NamedTuple):
    """Requests, tokens, and seconds of calls to models."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def plus(self, other: Amount) -> Amount:
        """The sum."""
        return Amount(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.seconds + other.seconds,
        )


class UsageKey(NamedTuple):
    """`day` is in UTC; `model` is `encoder` or `decoder`, and empty for a request that reached none."""

    day: date
    client: str
    model: str
