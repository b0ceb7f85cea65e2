"""A comparison: the models with their answers and what they cost, and a conclusion per tier and language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from pipelines.compare.conclusion import Conclusion, Contender, conclude
from pipelines.compare.rows import Cell
from pipelines.compare.scoring import Score
from pipelines.compare.sentences import sentence
from pipelines.statistics import quantiles
from signalbox.contracts.record import ModelRelease

Kind = Literal["encoder", "decoder", "cascade", "baseline"]
_HOUR_SECONDS, _THOUSAND = 3600, 1000


@dataclass(frozen=True)
class Energy:
    """Watt hours for 1,000 answers, and where the number is from."""

    wh_per_1k: float
    source: str


@dataclass(frozen=True)
class Entry:
    """A model or a baseline. `scores` are by the name of the cell; sizes are None where they are unknown."""

    name: str
    kind: Kind
    scores: Mapping[str, Score]
    release: ModelRelease | None = None
    size_bytes: int | None = None
    memory_bytes: int | None = None
    energy: Energy | None = None
    where: Literal["local", "remote"] = "local"

    @property
    def seconds(self) -> dict[float, float]:
        """Quantiles of the time of an answer over all cells; empty without answers."""
        times = [second for one in self.scores.values() for second in one.seconds]
        return quantiles(times) if times else {}

    def cost_per_1k(self, price_per_hour: float | None) -> float | None:
        """Price of the machine for 1,000 answers one after the other; None without a price, or for a model elsewhere."""
        if price_per_hour is None or self.where == "remote" or not self.seconds:
            return None
        times = [second for one in self.scores.values() for second in one.seconds]
        return price_per_hour * sum(times) / len(times) * _THOUSAND / _HOUR_SECONDS


@dataclass(frozen=True)
class Outcome:
    """A cell with its conclusion; `text` is the conclusion in words."""

    cell: Cell
    conclusion: Conclusion
    text: str


@dataclass(frozen=True)
class Method:
    """How a comparison was measured, for its reader."""

    created: datetime
    command: str
    machine: str
    data_digest: str
    prompt_digest: str
    repeats: int = 1
    limit: int | None = None
    learn_from: tuple[str, ...] = ("few-shot",)
    price_per_hour: float | None = None
    currency: str = ""


@dataclass(frozen=True)
class Comparison:
    """All entries, smallest first, and the outcomes. `skipped` has the models that could not be queried, with the cause.

    `release_folder` is that of the encoder on this machine, whose learning curve the report shows.
    """

    task: str
    margin: float
    entries: tuple[Entry, ...]
    outcomes: tuple[Outcome, ...]
    method: Method
    skipped: Mapping[str, str] = field(default_factory=dict)
    release_folder: Path | None = None

    def entry(self, name: str) -> Entry:
        return next(entry for entry in self.entries if entry.name == name)


def by_size(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Baselines first, then models by size; those of unknown size last."""
    return tuple(sorted(entries, key=lambda one: (one.size_bytes is None, one.size_bytes or 0)))


def outcome_of(cell: Cell, entries: Sequence[Entry], margin: float) -> Outcome:
    """The conclusion on a cell, over the entries that answered it."""
    contenders = [
        Contender(
            entry.name,
            entry.scores[cell.name].right,
            entry.size_bytes,
            entry.scores[cell.name].calibration_accuracy,
        )
        for entry in entries
        if cell.name in entry.scores
    ]
    conclusion = conclude(contenders, cell.families, margin)
    return Outcome(cell, conclusion, sentence(conclusion))
