"""An evaluation: the rows, the records that answer them, and their figures."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.classes import Classes
from pipelines.evaluate.summary import Summary, correct
from pipelines.strata import Stratum, stratum_of
from signalbox.contracts.record import LabeledText, ModelRelease, Record
from signalbox.contracts.routes import Route


@dataclass(frozen=True)
class Evaluation:
    """One route on the test split, its figures by tier and language.

    `right` is in the order of the rows, for paired comparisons.
    """

    task: str
    route: Route
    releases: tuple[ModelRelease, ...]
    summaries: dict[Stratum, Summary]
    rows: tuple[LabeledText, ...]
    records: tuple[Record, ...]
    classes: Classes

    @property
    def release_key(self) -> str:
        """The releases that answered, in the order of the route."""
        return " → ".join(release.key for release in self.releases)

    def of(self, stratum: Stratum) -> tuple[list[Record], list[LabeledText]]:
        """The records of a stratum and their rows."""
        pairs = [pair for pair in zip(self.records, self.rows, strict=True) if stratum_of(pair[1]) == stratum]
        return [record for record, _ in pairs], [row for _, row in pairs]

    @property
    def right(self) -> list[bool]:
        """Whether each row was answered correctly."""
        return [correct(record, row.label) for record, row in zip(self.records, self.rows, strict=True)]
