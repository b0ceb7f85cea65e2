"""Strata: the tier and the language of rows. Every figure is of one stratum; a mixture of two has none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, get_args

from signalbox.contracts.record import LabeledText, Tier

_TIERS = (None, *get_args(Tier))


class Stratum(NamedTuple):
    """Tier and language; the tier is None in a task without tiers."""

    tier: Tier | None
    language: str

    @property
    def name(self) -> str:
        """For names of metrics and files: `everyday.de`, or `de` without tiers."""
        return f"{self.tier}.{self.language}" if self.tier else self.language

    @property
    def title(self) -> str:
        """For people: `everyday, de`, or `de` without tiers."""
        return f"{self.tier}, {self.language}" if self.tier else self.language


def stratum_of(row: LabeledText) -> Stratum:
    """The stratum of a row."""
    return Stratum(row.tier, row.language)


def strata_of(rows: Iterable[LabeledText]) -> list[Stratum]:
    """The strata that have rows: everyday before hard, languages by name."""
    return sorted({stratum_of(row) for row in rows}, key=lambda one: (_TIERS.index(one.tier), one.language))
