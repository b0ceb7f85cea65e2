"""From a model's answers to right and wrong: the cut is fitted on calibration rows, never on test rows. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.classes import Classes
from pipelines.compare.models.journal import Reply
from pipelines.compare.rows import Cell, row_key
from pipelines.statistics import Interval, family_interval
from signalbox import thresholds
from signalbox.contracts.labels import ABSTAIN, NEUTRAL, Label, Verdict, verdict_for
from signalbox.contracts.record import LabeledText
from signalbox.thresholds import Thresholds

Replies = Mapping[tuple[str, int], Reply]


@dataclass(frozen=True)
class Score:
    """A model on the test rows of a cell.

    `verdicts` has the verdicts of a row's repeats, none where there is no answer, which counts as wrong. `right` is
    their mean. `calibration_accuracy` is that on the calibration rows with the cut fitted there; None without rows.
    """

    verdicts: tuple[tuple[Verdict, ...], ...]
    right: tuple[float, ...]
    interval: Interval
    seconds: tuple[float, ...]
    calibration_accuracy: float | None
    cut: Thresholds | None
    notes: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        return math.fsum(self.right) / len(self.right)


def score(cell: Cell, replies: Replies, classes: Classes, repeats: int = 1) -> Score:
    """The score of a model's answers."""
    notes: list[str] = []
    cut = _cut(cell, replies, classes, notes)
    verdicts = tuple(_verdicts(row, replies, cut, repeats) for row in cell.test)
    answers = [one for row in cell.test for one in _replies_to(row, replies, repeats)]
    _note(notes, "test row", " without an answer, counted as wrong", sum(not one for one in verdicts))
    _note(
        notes,
        "answer",
        " without probabilities, read from the text",
        sum(a.probabilities is None for a in answers),
    )
    _note(notes, "neutral answer", ", counted as wrong", sum(a.stated == NEUTRAL for a in answers))
    right = tuple(share_right(row.label, own) for row, own in zip(cell.test, verdicts, strict=True))
    return Score(
        verdicts,
        right,
        family_interval(right, cell.families),
        tuple(answer.seconds for answer in answers),
        _calibration_accuracy(cell, replies, cut),
        cut,
        tuple(notes),
    )


def verdict_of(reply: Reply, cut: Thresholds | None) -> Verdict:
    """The verdict, as the traffic light decides it: what is stated without a cut or without probabilities."""
    if reply.stated in (NEUTRAL, ABSTAIN):
        return NEUTRAL
    if reply.probabilities is None or cut is None or not cut.cover(reply.probabilities):
        return reply.stated
    return verdict_for(cut.verdict(reply.probabilities))


def share_right(label: Label, verdicts: Sequence[Verdict]) -> float:
    """The share of a row's verdicts that agree with its label; 0 for a row without an answer, which counts as wrong."""
    return sum(verdict == verdict_for(label) for verdict in verdicts) / len(verdicts) if verdicts else 0.0


def _cut(cell: Cell, replies: Replies, classes: Classes, notes: list[str]) -> Thresholds | None:
    pairs = [
        (reply.probabilities, row.label)
        for row in cell.calibration
        if (reply := replies.get((row_key(row), 0)))
        and reply.probabilities is not None
        and reply.stated != NEUTRAL
    ]
    if not pairs:
        return None
    try:
        return thresholds.fit([p for p, _ in pairs], [label for _, label in pairs], positive=classes.positive)
    except ValueError as error:
        notes.append(f"no cut was fitted, so the verdict is the first word: {error}")
        return None


def _verdicts(
    row: LabeledText, replies: Replies, cut: Thresholds | None, repeats: int
) -> tuple[Verdict, ...]:
    return tuple(verdict_of(reply, cut) for reply in _replies_to(row, replies, repeats))


def _replies_to(row: LabeledText, replies: Replies, repeats: int) -> list[Reply]:
    key = row_key(row)
    return [replies[key, repeat] for repeat in range(repeats) if (key, repeat) in replies]


def _calibration_accuracy(cell: Cell, replies: Replies, cut: Thresholds | None) -> float | None:
    if not cell.calibration:
        return None
    right = [share_right(row.label, _verdicts(row, replies, cut, 1)) for row in cell.calibration]
    return math.fsum(right) / len(right)


def _note(notes: list[str], what: str, rest: str, count: int) -> None:
    if count:
        notes.append(f"{count} {what}{'' if count == 1 else 's'}{rest}")
