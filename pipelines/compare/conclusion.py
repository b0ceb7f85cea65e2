"""Which model does it: non-inferiority to every other model, in an order that the test rows did not choose. Pure.

A model is *shown to do it* on the rows of a language and tier when it is better than the majority and loses to no other
model more than the margin, each by a one-sided 95 % bound. The largest bound over all others is a bound of the loss to
the best model, whichever that is. The models are tested in a fixed order, the best on the calibration split first, and
the first that is not shown ends the tests; so the 5 % hold for all of them together
(docs/decisions/0029-non-inferiority.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipelines.statistics import CONFIDENCE, Pairs, lower_bound, pairs_of, rows_to_decide, upper_bound

MAJORITY = "majority"


class Status(StrEnum):
    """What the rows say about a model."""

    SHOWN = "does it"
    WORSE = "loses more than the margin"
    NOT_BETTER = "not shown to be better than the majority"
    UNDECIDED = "not shown"
    BLOCKED = "not tested: a better one on the calibration split is not shown"
    MAJORITY = "what an answer without a model reaches"


@dataclass(frozen=True)
class Contender:
    """A model or baseline on the rows of a language and tier.

    `right` has a number per row: 1, 0, or the mean of repeated answers. `calibration_accuracy` sets the order; `size` is
    in bytes, 0 for a baseline, None where it is unknown.
    """

    name: str
    right: tuple[float, ...]
    size: int | None = 0
    calibration_accuracy: float | None = None

    @property
    def accuracy(self) -> float:
        return math.fsum(self.right) / len(self.right)


@dataclass(frozen=True)
class Finding:
    """A contender with its loss to the rival that is hardest for it, and the bound of the loss to the best model.

    `rows_more` are the rows after which a model that loses nothing would be shown with a power of 80 %, and if these are
    there already, one that loses as much as this; None: there is no such number, or nothing to decide.
    """

    name: str
    status: Status
    accuracy: float
    rival: str
    loss: float
    upper: float
    lower: float
    rows_more: int | None = None


@dataclass(frozen=True)
class Conclusion:
    """The findings in the order of the tests, and the smallest model that is shown to do it, if there is one."""

    model: str | None
    findings: tuple[Finding, ...]
    rows: int
    families: int
    margin: float

    def finding(self, name: str) -> Finding:
        return next(finding for finding in self.findings if finding.name == name)


def conclude(contenders: Sequence[Contender], families: Sequence[str], margin: float) -> Conclusion:
    """The conclusion on rows of these families. One contender is the majority; ValueError without another one."""
    majority = next((one for one in contenders if one.name == MAJORITY), None)
    candidates = sorted((one for one in contenders if one.name != MAJORITY), key=_order)
    if majority is None or not candidates:
        raise ValueError("contenders: needs the majority and at least one other")
    findings: list[Finding] = []
    successes: list[Contender] = []
    blocked = False
    for one in candidates:
        rivals = [other for other in contenders if other is not one]
        finding = _finding(one, rivals, majority, families, margin, blocked=blocked)
        blocked = blocked or finding.status is not Status.SHOWN
        findings.append(finding)
        if finding.status is Status.SHOWN:
            successes.append(one)
    smallest = min(successes, key=lambda one: (_size(one), -one.accuracy), default=None)
    findings.append(Finding(MAJORITY, Status.MAJORITY, majority.accuracy, "", 0.0, 0.0, 0.0))
    name = smallest.name if smallest else None
    return Conclusion(name, tuple(findings), len(families), len(set(families)), margin)


def judge_loss(pairs: Pairs, margin: float, confidence: float = CONFIDENCE) -> Status:
    """SHOWN, WORSE or UNDECIDED: the loss is at most the margin, more than it, or neither is shown."""
    if upper_bound(pairs) <= margin:
        return Status.SHOWN
    return Status.WORSE if lower_bound(pairs, confidence) > margin else Status.UNDECIDED


def rows_more(pairs: Pairs, rows: int, margin: float) -> int | None:
    """Further rows of this kind that would decide; None where the loss itself is not below the margin."""
    worth = rows / pairs.rows  # rows that count as one independent row
    for loss in (0.0, max(0.0, pairs.difference)):
        needed = rows_to_decide(pairs.discordant_share, margin, loss)
        if needed is None:
            return None
        if (more := math.ceil(needed * worth - 1e-9) - rows) > 0:
            return more
    return max(1, rows // 10)  # the rows would be enough; this sample was unlucky


def _finding(
    one: Contender,
    rivals: Sequence[Contender],
    majority: Contender,
    families: Sequence[str],
    margin: float,
    *,
    blocked: bool,
) -> Finding:
    losses = {other.name: pairs_of(other.right, one.right, families) for other in rivals}
    bounds = {name: upper_bound(pairs) for name, pairs in losses.items()}
    rival = max(bounds, key=lambda name: bounds[name])
    # Whichever rival is the best, each has its part of the 5 %.
    confidence = 1 - (1 - CONFIDENCE) / len(losses)
    worst = max(losses, key=lambda name: lower_bound(losses[name], confidence))
    pairs = losses[rival]
    lower = lower_bound(losses[worst], confidence)
    status, more = _status(one, majority, families, bounds[rival], lower, margin), None
    if status is Status.UNDECIDED:
        more = rows_more(pairs, len(families), margin)
    if blocked and status is Status.SHOWN:
        status = Status.BLOCKED
    return Finding(one.name, status, one.accuracy, rival, pairs.difference, bounds[rival], lower, more)


def _status(
    one: Contender, majority: Contender, families: Sequence[str], upper: float, lower: float, margin: float
) -> Status:
    if lower_bound(pairs_of(one.right, majority.right, families)) <= 0:
        return Status.NOT_BETTER
    if upper <= margin:
        return Status.SHOWN
    return Status.WORSE if lower > margin else Status.UNDECIDED


def _order(one: Contender) -> tuple[float, float, str]:
    """The best on the calibration split first; without one, the largest."""
    accuracy = -1.0 if one.calibration_accuracy is None else one.calibration_accuracy
    return -accuracy, -_size(one), one.name


def _size(one: Contender) -> float:
    return math.inf if one.size is None else float(one.size)
