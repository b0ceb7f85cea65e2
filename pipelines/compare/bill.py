"""What a smaller model costs: the answers that flip between two models, and the bill of quantizations of one model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from pipelines.compare.comparison import Comparison, Entry
from pipelines.compare.conclusion import Status, judge_loss, rows_more
from pipelines.compare.rows import Cell
from pipelines.statistics import Interval, pairs_of, tango_interval, upper_bound
from signalbox.contracts.labels import Verdict, verdict_for
from signalbox.contracts.record import LabeledText


@dataclass(frozen=True)
class Flip:
    """A row on which two models give different verdicts (those of the first repeat)."""

    row: LabeledText
    first: Verdict
    second: Verdict

    @property
    def gained(self) -> bool:
        """Whether the second model is right and the first one is not."""
        return self.second == verdict_for(self.row.label)

    @property
    def lost(self) -> bool:
        """Whether the first model is right and the second one is not."""
        return self.first == verdict_for(self.row.label)


@dataclass(frozen=True)
class Loss:
    """The difference of two models on a cell: the first model's accuracy minus that of the second."""

    cell: Cell
    difference: float
    interval: Interval
    upper: float
    status: Status
    rows_more: int | None
    flips: tuple[Flip, ...]


@dataclass(frozen=True)
class Bill:
    """A smaller quantization against a larger one of the same model."""

    larger: str
    smaller: str
    bytes_saved: int
    losses: tuple[Loss, ...]


def bills(comparison: Comparison) -> list[Bill]:
    """Each pair of quantizations of one model, the largest first. A model is known by the name of its release."""
    by_model: dict[str, list[Entry]] = {}
    for entry in comparison.entries:
        if entry.release is not None and entry.size_bytes:
            by_model.setdefault(entry.release.name.casefold(), []).append(entry)
    results = []
    for entries in by_model.values():
        ordered = sorted(entries, key=lambda one: -(one.size_bytes or 0))
        for larger, smaller in combinations(ordered, 2):
            if (
                larger.release
                and smaller.release
                and larger.release.quantization != smaller.release.quantization
            ):
                saved = (larger.size_bytes or 0) - (smaller.size_bytes or 0)
                results.append(Bill(larger.name, smaller.name, saved, losses(comparison, larger, smaller)))
    return results


def losses(comparison: Comparison, first: Entry, second: Entry) -> tuple[Loss, ...]:
    """The loss of the second entry against the first one, on each cell that both answered."""
    cells = [outcome.cell for outcome in comparison.outcomes]
    return tuple(
        loss_of(cell, first, second, comparison.margin)
        for cell in cells
        if cell.name in first.scores and cell.name in second.scores
    )


def loss_of(cell: Cell, first: Entry, second: Entry, margin: float, confidence: float = 0.95) -> Loss:
    """The loss on one cell. `confidence` is that of a loss above the margin."""
    one, other = first.scores[cell.name], second.scores[cell.name]
    pairs = pairs_of(one.right, other.right, cell.families)
    status = judge_loss(pairs, margin, confidence)
    more = rows_more(pairs, len(cell.test), margin) if status is Status.UNDECIDED else None
    flips = tuple(
        Flip(row, before[0], after[0])
        for row, before, after in zip(cell.test, one.verdicts, other.verdicts, strict=True)
        if before and after and before[0] != after[0]
    )
    return Loss(cell, pairs.difference, tango_interval(pairs), upper_bound(pairs), status, more, flips)
