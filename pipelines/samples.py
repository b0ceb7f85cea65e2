"""The values of one group of records in one window, a value a row, each with the text that it came from."""

from __future__ import annotations

import hashlib
import random
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from pipelines.classes import Classes
from pipelines.statistics.cluster_permutation import Clustered
from signalbox.contracts.labels import margin
from signalbox.contracts.light import LightReason
from signalbox.contracts.record import text_sha256

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


@dataclass
class Values:
    """One column: numbers or labels, and a key of the text of each row."""

    values: list[Any] = field(default_factory=list)
    texts: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, value: float | str, text: int) -> None:
        self.values.append(value)
        self.texts.append(text)

    @property
    def clustered(self) -> Clustered:
        """For the tests."""
        return Clustered(np.asarray(self.values), np.asarray(self.texts, dtype=np.uint64))


class Drawn(NamedTuple):
    """A row that may give a text: its place in time, its id, the key of its text."""

    place: int
    id: str
    text: int


@dataclass
class Sample:
    """One group in one window. Columns are by name and by digest of thresholds, "" for those that depend on none."""

    rows: int = 0
    columns: dict[tuple[str, str], Values] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    drawn: list[Drawn] = field(default_factory=list)

    def add(self, column: str, value: float | str, text: int, thresholds: str = "") -> None:
        values = self.columns.get((column, thresholds))
        if values is None:
            values = self.columns[column, thresholds] = Values()
        values.add(value, text)

    def fill(self, column: str, values: Sequence[float | str], thresholds: str = "") -> None:
        """Rows of different texts."""
        for value in values:
            self.add(column, value, len(self.column(column, thresholds).values), thresholds)
        self.rows = max(self.rows, len(values))

    def column(self, name: str, thresholds: str = "") -> Values:
        """The rows of a column; empty where it has none."""
        return self.columns.get((name, thresholds), Values())

    def thresholds(self, column: str) -> set[str]:
        """Digests under which a column has rows."""
        return {digest for name, digest in self.columns if name == column}

    def draw(self, name: str, text: int, rng: random.Random) -> None:
        """Count a row; every row so far is as likely to be drawn (reservoir sampling, Vitter 1985)."""
        row = Drawn(self.rows, name, text)
        self.rows += 1
        if len(self.drawn) < TEXTS_DRAWN:
            self.drawn.append(row)
        elif (place := rng.randrange(self.rows)) < TEXTS_DRAWN:
            self.drawn[place] = row


def text_key(input_sha256: str) -> int:
    """64 bits of a text's hash: of a million texts, two are equal with a chance below 1e-7."""
    return int.from_bytes(hashlib.blake2b(input_sha256.encode(), digest_size=8).digest(), "big")


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


def alike(reference: Sample, current: Sample, rng: random.Random) -> tuple[list[str], list[str]]:
    """Ids of rows whose texts can be compared: equal traffic gives equal samples, however much of it each side has.

    Each text counts once in a part of as many successive rows as the smaller window has. With all rows, a text that is
    sent again would be in training and test folds; with each text once a window, the window with more traffic would look
    richer in rare texts.
    """
    size = min(len(reference.drawn), len(current.drawn))
    return _distinct(reference, size, rng), _distinct(current, size, rng)


def _distinct(sample: Sample, size: int, rng: random.Random) -> list[str]:
    rows = sorted(sample.drawn)
    names: list[str] = []
    for start in range(0, len(rows) - size + 1, size or 1) if size else ():
        names += {row.text: row.id for row in rows[start : start + size]}.values()
    return names if len(names) <= MOST_TEXTS else rng.sample(names, MOST_TEXTS)


def key_of(text: str) -> int:
    """`text_key` of a text."""
    return text_key(text_sha256(text))
