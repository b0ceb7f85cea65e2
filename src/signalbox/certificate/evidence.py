"""What labels say at each threshold of a plan, by replay: which count, how many errors, passed or not. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from signalbox.certificate.boundary import allowed_any_time, allowed_once, cut
from signalbox.certificate.planning import Plan
from signalbox.errors import InputError


@dataclass(frozen=True)
class Label:
    """One label that was asked for. `propensity`: the chance with which it was; `draw` in [0, 1) decides its thinning."""

    score: float
    wrong: bool
    propensity: float = 1.0
    draw: float = 0.0


@dataclass(frozen=True)
class Evidence:
    """The test at one threshold.

    `labels` and `errors` count what is at or above the threshold after thinning, `asked` before. `passed_at` is the number
    of labels at which it passed first, None if it did not. `floor` is the least propensity above the threshold.
    """

    threshold: float
    share: float
    alpha: float
    asked: int
    labels: int
    errors: int
    floor: float
    passed_at: int | None
    refused: str = ""

    @property
    def passed(self) -> bool:
        """Whether the error above this threshold is at most alpha, if all thresholds before it passed, too.

        What passed once stays valid; where more than alpha of all labels until now is wrong, it is not used all the same:
        the error may have grown since.
        """
        return self.passed_at is not None and self.errors <= self.alpha * self.labels


def evaluate(
    labels: Sequence[Label], plan: Plan, *, floor: float | None = None, barred: float | None = None
) -> tuple[Evidence, ...]:
    """The evidence at each threshold of the plan, from labels in the order asked.

    `floor` is the least propensity of the campaign, if it is known: where propensities change over time, the test is exact
    at any time only with a floor that was set before. By default it is the least one above the threshold until now.
    `barred` is the largest score of an answer that had no chance to be asked for: no threshold up to it is certified.
    """
    allowed = _allowed(plan, len(labels))
    return tuple(
        _at(
            threshold,
            share,
            labels,
            plan,
            allowed,
            0.0 if barred is not None and barred >= threshold else floor,
        )
        for threshold, share in zip(plan.thresholds, plan.shares, strict=True)
    )


def looks(labels: Sequence[Label], plan: Plan) -> Iterator[float | None]:
    """The certified threshold after each label, as `certified(evaluate(labels[:n], plan))` has it, for equal propensities."""
    allowed = _allowed(plan, len(labels))
    runs = [_Run(allowed, once=plan.once) for _ in plan.thresholds]
    for label in labels:
        for run, threshold in zip(runs, plan.thresholds, strict=True):
            if label.score >= threshold:
                run.add(label.wrong)
        last = None
        for run, threshold in zip(runs, plan.thresholds, strict=True):
            if run.passed_at is None or run.errors > plan.alpha * run.labels:
                break
            last = threshold
        yield last


def certified(evidence: Sequence[Evidence]) -> float | None:
    """The last threshold of the unbroken run that passed, from the first one on; None if the first did not pass."""
    threshold = None
    for row in evidence:
        if not row.passed:
            break
        threshold = row.threshold
    return threshold


def check_in_zone(threshold: float, plan: Plan) -> None:
    """Raise InputError for a threshold below the zone: nobody asked for labels there, so they say nothing about it."""
    if threshold < plan.zone:
        raise InputError(
            "threshold",
            threshold,
            f"Use a threshold of at least {plan.zone:g}, or plan a campaign with a larger zone.",
            problem=f"threshold: {threshold:g} is below the zone of the campaign, where no labels were requested.",
        )


def draw_of(seed: int, name: str) -> float:
    """A number in [0, 1) from a seed and the hash of a text: the same at each replay, whatever the record is called."""
    digest = hashlib.sha256(f"{seed}|{name}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


class _Run:
    """Labels and errors at one threshold, and when they passed first."""

    def __init__(self, allowed: Sequence[int], *, once: bool) -> None:
        self._allowed, self._once = allowed, once
        self._errors_at = [0]
        self.passed_at: int | None = None

    @property
    def labels(self) -> int:
        return len(self._errors_at) - 1

    @property
    def errors(self) -> int:
        return self._errors_at[-1]

    def add(self, wrong: bool) -> None:
        self._errors_at.append(self.errors + wrong)
        if self._once:
            m = cut(self._allowed, self.labels)
            self.passed_at = m if m > 0 and self._errors_at[m] <= self._allowed[m] else None
        elif self.passed_at is None and self.errors <= self._allowed[self.labels]:
            self.passed_at = self.labels


def _allowed(plan: Plan, most: int) -> Sequence[int]:
    if plan.once:
        return allowed_once(plan.alpha, plan.delta, most)
    return allowed_any_time(plan.alpha, plan.delta, plan.labels, most)


def _at(
    threshold: float,
    share: float,
    labels: Sequence[Label],
    plan: Plan,
    allowed: Sequence[int],
    floor: float | None,
) -> Evidence:
    above = [label for label in labels if label.score >= threshold]
    least = min([label.propensity for label in above] + ([] if floor is None else [floor]), default=1.0)
    if least <= 0.0:
        problem = "a part of the answers above it had no chance to be requested"
        return Evidence(threshold, share, plan.alpha, len(above), 0, 0, 0.0, None, problem)
    run = _Run(allowed, once=plan.once)
    for label in above:
        if label.draw * label.propensity < least:
            run.add(label.wrong)
    return Evidence(threshold, share, plan.alpha, len(above), run.labels, run.errors, least, run.passed_at)
