"""Whether the judge's verdicts may be used: trusted, untrusted or inconclusive, and how many labels would decide. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipelines.statistics.sampling import exact_interval

# Of the right answers, and of the wrong ones, the judge must recognize so many. At .75 both, a judged answer carries about a
# quarter of what a label does: (.75 + .75 - 1)² (Rogan & Gladen 1978). At .5 both, it carries nothing.
TRUSTED_FROM = 0.75
ERROR = 0.05  # chance to trust a judge that does not reach it, and to distrust one that does
MOST_LABELS = 5_000  # a plan for more is none


class Trust(StrEnum):
    """The gate of a criterion in a language."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Side:
    """Answers that people call right, or those that they call wrong: how many, and how many the judge recognizes."""

    labels: int
    recognized: int

    @property
    def share(self) -> float | None:
        return self.recognized / self.labels if self.labels else None

    def bound(self, tail: float, *, lower: bool) -> float:
        """One-sided exact bound (Clopper & Pearson 1934); 0 or 1 without labels."""
        if not self.labels:
            return 0.0 if lower else 1.0
        return exact_interval(self.recognized / self.labels, self.labels, 1 - 2 * tail)[0 if lower else 1]

    def scaled(self, labels: int) -> Side:
        """So many labels with the same share; without any, all are recognized."""
        share = 1.0 if self.share is None else self.share
        return Side(labels, math.floor(share * labels + 0.5))


@dataclass(frozen=True)
class Gate:
    """`labels_needed`: labels in total that would decide, if the shares stay as they are; None where decided, or where more
    than MOST_LABELS are needed. `voluntary`: the labels are not a random sample."""

    trust: Trust
    right: Side
    wrong: Side
    labels_needed: int | None = None
    voluntary: bool = False

    @property
    def labels(self) -> int:
        return self.right.labels + self.wrong.labels


def trust_gate(right: Sequence[bool], approved: Sequence[bool | None], *, voluntary: bool = False) -> Gate:
    """The gate from labeled answers: whether each is right, and whether the judge says so; None where it gave no verdict.

    No verdict recognizes nothing: a judge that fails on hard answers is no better for it. Trusted if both sides are at
    least TRUSTED_FROM with the chance of an error of at most ERROR; untrusted if one of them is below it, each with half of
    that chance. It is for one look: who looks every night sees a wrong result more often.
    """
    pairs = list(zip(right, approved, strict=True))
    good = Side(sum(truth for truth, _ in pairs), sum(truth and says is True for truth, says in pairs))
    bad = Side(len(pairs) - good.labels, sum(not truth and says is False for truth, says in pairs))
    trust = _decide(good, bad)
    needed = labels_needed(good, bad) if trust is Trust.INCONCLUSIVE else None
    return Gate(trust, good, bad, needed, voluntary)


def labels_needed(good: Side, bad: Side) -> int | None:
    """The fewest labels in total that would decide with the shares of now; None beyond MOST_LABELS.

    Without labels of one side, its share of the labels is taken as that of half a label.
    """
    total = good.labels + bad.labels
    share_bad = (bad.labels or 0.5) / (total or 1) if good.labels else 0.5

    def decided(count: int) -> bool:
        wrong = max(1, round(share_bad * count))
        return _decide(good.scaled(count - wrong), bad.scaled(wrong)) is not Trust.INCONCLUSIVE

    # Whole numbers make the bounds rise in steps, so no bisection; a plan needs no more precision than 5 %.
    count = max(total + 1, 2)
    while count <= MOST_LABELS:
        if decided(count):
            return count
        count += max(1, count // 20)
    return None


def _decide(good: Side, bad: Side) -> Trust:
    sides = (good, bad)
    if all(side.bound(ERROR, lower=True) >= TRUSTED_FROM for side in sides):
        return Trust.TRUSTED
    if any(side.bound(ERROR / 2, lower=False) < TRUSTED_FROM for side in sides):
        return Trust.UNTRUSTED
    return Trust.INCONCLUSIVE
