"""The decision of the gate: non-inferiority of a release to a baseline, on each tier and language. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.compare.bill import Loss
from pipelines.compare.conclusion import Status
from pipelines.compare.sentences import points
from pipelines.gate.exits import Decision


@dataclass(frozen=True)
class Outcome:
    """The decision with its reason in one sentence."""

    decision: Decision
    text: str


def decide(losses: Sequence[Loss], margin: float) -> Outcome:
    """PASSED if the loss is shown to be at most the margin on every cell, FAILED if it is shown to be more on one.

    All cells must pass, each at 5 %, so passing needs no correction. One is enough to fail, so each has its part of the
    5 % (`confidence_of_failure`). ValueError without losses.
    """
    if not losses:
        raise ValueError("losses: got none, needs those of at least one cell")
    worse = [loss for loss in losses if loss.status is Status.WORSE]
    if worse:
        worst = max(worse, key=lambda loss: loss.difference)
        return Outcome(
            Decision.FAILED,
            f"failed: on {worst.cell.title} the release loses {points(worst.difference)} points, and more than "
            f"{points(margin)} points is shown.",
        )
    open_ones = [loss for loss in losses if loss.status is Status.UNDECIDED]
    if open_ones:
        return Outcome(
            Decision.INCONCLUSIVE, f"inconclusive: {'; '.join(_open(loss, margin) for loss in open_ones)}."
        )
    worst = max(losses, key=lambda loss: loss.upper)
    return Outcome(
        Decision.PASSED,
        f"passed: the release loses at most {points(max(0.0, worst.upper))} points on any tier and language "
        f"(95 % bound, margin {points(margin)}).",
    )


def confidence_of_failure(cells: int) -> float:
    """The confidence of a loss above the margin on one of so many cells: 95 % for all of them together."""
    return 1 - 0.05 / cells


def _open(loss: Loss, margin: float) -> str:
    may = f"on {loss.cell.title} the release may lose up to {points(loss.upper)} points (margin {points(margin)})"
    if loss.rows_more is None:
        return f"{may} and lost {points(loss.difference)} on these rows, so more rows alone will hardly let it pass"
    return f"{may}, and {loss.rows_more} more rows would decide"
