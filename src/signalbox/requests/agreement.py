"""How often two reviewers agree. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from signalbox.contracts.labels import Label
from signalbox.contracts.requests import ReviewState


@dataclass(frozen=True)
class Agreement:
    """Requests that two people labeled, and with how many of them they agree. `kappa` None: it is not defined."""

    rows: int
    equal: int
    kappa: float | None

    @property
    def share(self) -> float | None:
        """Share of equal labels; None without rows."""
        return self.equal / self.rows if self.rows else None


def agreement_of(states: Iterable[ReviewState]) -> Agreement:
    """Agreement of first and second reviews that both have a label.

    Kappa is (p - e) / (1 - e) with the share of equal labels p and the share e that is expected from the frequencies of the
    labels (Cohen 1960, doi:10.1177/001316446002000104). It is not defined where all labels are equal.
    """
    labels: dict[str, dict[int, Label]] = defaultdict(dict)
    for state in states:
        if state.newest is not None and state.newest.label is not None:
            labels[state.request.id][state.slot] = state.newest.label
    pairs = [(own[1], own[2]) for own in labels.values() if len(own) == 2]
    equal = sum(first == second for first, second in pairs)
    return Agreement(len(pairs), equal, _kappa(pairs, equal))


def _kappa(pairs: list[tuple[Label, Label]], equal: int) -> float | None:
    rows = len(pairs)
    firsts, seconds = Counter(first for first, _ in pairs), Counter(second for _, second in pairs)
    chance = sum(firsts[label] * seconds[label] for label in firsts)
    return None if chance == rows * rows else (equal * rows - chance) / (rows * rows - chance)
