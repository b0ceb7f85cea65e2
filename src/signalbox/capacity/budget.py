"""The planner's answer about memory: terms of one rank that add up, each with its formula and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TermName = Literal["weights", "non_torch", "activation", "graphs", "kv_cache", "reserve"]


@dataclass(frozen=True)
class Peak:
    """Bytes at a peak of memory, and the sum in words."""

    bytes: int
    formula: str


@dataclass(frozen=True)
class Term:
    """One part of the memory of a GPU. `formula` has the numbers filled in."""

    name: TermName
    bytes: int
    formula: str
    source: str


@dataclass(frozen=True)
class Budget:
    """The memory of one rank (one GPU). `kv_bytes` is negative where memory is short by that much.

    `fits` is the engine's own start-up rule: the cache holds at least one request of the full context.
    `max_concurrency` counts requests of the full context; with data parallelism those of one rank.
    """

    total_bytes: int
    usable_bytes: int  # what the engine allows itself
    terms: tuple[Term, ...]
    kv_bytes: int
    kv_bytes_per_token: float
    kv_tokens: int
    max_concurrency: float
    fits: bool
    reason: str
    host_bytes: int = 0  # of the replica in the host's memory, where weights are offloaded

    def term(self, name: TermName) -> Term | None:
        """The term of that name, None where the engine has none."""
        return next((term for term in self.terms if term.name == name), None)
