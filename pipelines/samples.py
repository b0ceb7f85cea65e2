"""The values of one group of records in one window, a value a row, each with the text that it came from."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.classes import Classes
from pipelines.columns import Column, Names, Rows, Spill
from pipelines.statistics.clustered import Keys
from signalbox.contracts.labels import margin
from signalbox.contracts.light import LightReason

MOST_TEXTS = 1_000  # a side: the classifier's matrices grow with the square
TEXTS_DRAWN = 20_000  # a side, of which those texts are chosen
ANSWERED = "answered"
# Reasons for which an answer has no verdict; every other reason belongs to an answer.
WITHOUT_VERDICT = frozenset(
    reason.value
    for reason in (
        LightReason.NEUTRAL,
        LightReason.UNPARSABLE,
        LightReason.TIMEOUT,
        LightReason.UNAVAILABLE,
        LightReason.REJECTED,
    )
)
_FAILED = "failed"  # no release, and a reason that is none of a failure


class Values(NamedTuple):
    """Values of a column: numbers, or codes of names."""

    values: NDArray[Any]
    names: Names | None = None


class Reservoir:
    """Rows of the store that may give a text, of which each is as likely to be drawn (reservoir sampling, Vitter 1985)."""

    def __init__(self) -> None:
        self._rows = np.empty(0, np.void)
        self._times = np.empty(0, np.int64)  # places in the order of time

    def __len__(self) -> int:
        return len(self._times)

    def draw(self, rows: NDArray[np.void], before: int, rng: np.random.Generator) -> None:
        """From rows that come after so many others."""
        free = min(len(rows), TEXTS_DRAWN - len(self))
        self._times = np.concatenate([self._times, np.arange(before, before + free)])
        # Not concatenated: numpy would make the numbers those of this machine.
        grown = np.empty(len(self), rows.dtype)
        if len(self) > free:
            grown[: -free or None] = self._rows
        grown[len(self) - free :] = rows[:free]
        self._rows = grown
        # A row takes a random place among all so far, and counts if it is one of those that are kept; the last one stays.
        counts = np.arange(before + free + 1, before + len(rows) + 1)
        places = np.floor(rng.random(len(rows) - free) * counts).astype(np.int64)
        chosen = np.flatnonzero(places < TEXTS_DRAWN)
        self._rows[places[chosen]] = rows[free + chosen]
        self._times[places[chosen]] = before + free + chosen

    def ordered(self) -> NDArray[np.void]:
        """By time."""
        return self._rows[np.argsort(self._times)]


@dataclass
class Sample:
    """One group in one window. Columns are by name and by digest of thresholds, "" for those that depend on none."""

    rows: int = 0
    columns: dict[tuple[str, str], Column] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    drawn: Reservoir = field(default_factory=Reservoir)
    spill: Spill = field(default_factory=Spill)

    def add(self, columns: Mapping[str, Values], keys: Keys, thresholds: str = "") -> None:
        """Rows with the keys of their texts. Columns that are added together once are always added together."""
        first = next(iter(columns))
        if (first, thresholds) not in self.columns:
            rows = Rows(self.spill)
            for name, one in columns.items():
                self.columns[name, thresholds] = Column(one.names, rows, name)
        own = self.columns[first, thresholds].rows
        own.extend({name: one.values for name, one in columns.items()}, keys)

    def fill(self, column: str, values: Sequence[float | str], thresholds: str = "") -> None:
        """Rows of different texts."""
        if not values:
            return
        first = len(self.column(column, thresholds))
        keys = np.arange(first, first + len(values), dtype=np.uint64)
        if isinstance(values[0], str):
            names = self.column(column, thresholds).names or Names()
            own = Values(names.codes(values, len(values)), names)
        else:
            own = Values(np.asarray(values, np.float64))
        self.add({column: own}, keys, thresholds)
        self.rows = max(self.rows, len(values))

    def column(self, name: str, thresholds: str = "") -> Column:
        """The rows of a column; empty where it has none."""
        return self.columns.get((name, thresholds), Column())

    def thresholds(self, column: str) -> set[str]:
        """Digests under which a column has rows."""
        return {digest for name, digest in self.columns if name == column}

    def draw(self, rows: NDArray[np.void], rng: np.random.Generator) -> None:
        """Count rows of the store, and draw some that may give a text."""
        self.drawn.draw(rows, self.rows, rng)
        self.rows += len(rows)


def output_of(probabilities: Mapping[str, float] | None, classes: Classes) -> float | None:
    """The probability of the positive one of two labels. Of more, the margin of the two best.

    The margin is the score before calibration: with the score, each calibration would look like drift of the model.
    """
    if probabilities is None:
        return None
    if classes.positive is not None:
        return probabilities.get(classes.positive)
    return margin(probabilities)


def outcome_of(reason: str, *, has_release: bool) -> str:
    """What became of a request: ANSWERED, or the reason why there is no verdict."""
    if reason in WITHOUT_VERDICT:
        return reason
    return ANSWERED if has_release else _FAILED


def alike(reference: Sample, current: Sample, rng: random.Random) -> tuple[list[bytes], list[bytes]]:
    """Rows whose texts can be compared: equal traffic gives equal samples, however much of it each side has.

    Each text counts once in a part of as many successive rows as the smaller window has. With all rows, a text that is
    sent again would be in training and test folds; with each text once a window, the window with more traffic would look
    richer in rare texts.
    """
    size = min(len(reference.drawn), len(current.drawn))
    return _distinct(reference, size, rng), _distinct(current, size, rng)


def _distinct(sample: Sample, size: int, rng: random.Random) -> list[bytes]:
    rows = sample.drawn.ordered()
    places: list[int] = []
    for start in range(0, len(rows) - size + 1, size or 1) if size else ():
        texts = rows["text"][start : start + size].tolist()
        places += dict(zip(texts, range(start, start + size), strict=True)).values()
    if len(places) > MOST_TEXTS:
        places = rng.sample(places, MOST_TEXTS)
    return [rows[place].tobytes() for place in places]
