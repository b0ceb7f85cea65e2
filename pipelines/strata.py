"""Strata: the tier and the language of rows. Every figure is of one stratum; a mixture of two has none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, get_args

from pipelines.statistics import round_robin
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


def select_rows(rows: Sequence[LabeledText], limit: int | None) -> list[LabeledText]:
    """At most `limit` rows of each tier, language and label, from as many families as possible, in the order of `rows`.

    All without a limit. Rows of one family say nearly the same, and the first rows of a file are of few families.
    """
    if limit is None:
        return list(rows)
    groups: dict[tuple[Stratum, str], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        groups[stratum_of(row), row.label].append(place)
    selection: list[int] = []
    for places in groups.values():
        turns = round_robin([rows[place].family for place in places])
        selection += [places[turn] for turn in turns[:limit]]
    return [rows[place] for place in sorted(selection)]
