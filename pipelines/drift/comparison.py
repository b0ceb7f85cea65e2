"""Comparison of two windows: a table of columns, each with its test, and the verdicts after correction. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any

from pipelines.classes import Classes
from pipelines.drift.classifier import domain_classifier
from pipelines.drift.defaults import ALPHA
from pipelines.samples import WITHOUT_VERDICT
from pipelines.statistics import (
    CORRECTIONS,
    Outcome,
    chi_square_needs,
    compare_labels,
    compare_numbers,
    effective_rows,
    ks_needs,
    rank_needs,
    resamples_for,
    rows_needed,
    shift_seen,
)
from pipelines.windows import ALL, Group, Pair
from signalbox.contracts.light import Light

GROSS_SHIFT = 0.5  # of the rows; a test that might overlook this says nothing by its silence


class Verdict(StrEnum):
    """Result of a comparison. Too few rows, or texts without common words, never give a verdict on drift."""

    DRIFT = "drift"
    NONE_SEEN = "no drift seen"
    TOO_FEW = "too few to say"
    CANNOT_SAY = "cannot say"  # texts that share no words


@dataclass(frozen=True)
class Comparison:
    """One column of one group.

    `reference` and `current` count values; `effective` are the independent rows that carry as much, fewer where texts are
    sent again. `needed` are independent rows of both sides, where these are too few. `thresholds`: digest of the thresholds
    of the values that are compared, "" where they depend on none; `other_thresholds` counts the values left out.
    `shift_seen`: the smallest share of moved rows that the test sees with a power of 0.8; None where no formula exists.
    """

    group: Group
    column: str
    reference: int
    current: int
    verdict: Verdict
    effective: tuple[float, float]
    outcome: Outcome | None = None
    p_adjusted: float | None = None
    shift_seen: float | None = None
    needed: tuple[int, int] | None = None
    thresholds: str = ""
    other_thresholds: int = 0

    def with_verdict(self, p_adjusted: float, alpha: float) -> Comparison:
        """The same with its verdict, from the p-value after correction."""
        verdict = Verdict.DRIFT if p_adjusted <= alpha else Verdict.NONE_SEEN
        return replace(self, p_adjusted=p_adjusted, verdict=verdict)


class Scope(StrEnum):
    """The groups that a column belongs to: of a release, of a language, of a route."""

    RELEASE = "release"
    INPUT = "input"
    LANGUAGES = "languages"

    @classmethod
    def of(cls, group: Group) -> Scope:
        if group.release != ALL:
            return cls.RELEASE
        return cls.LANGUAGES if group.language == ALL else cls.INPUT


@dataclass(frozen=True)
class Column:
    """A quantity to compare: its name, its column in a sample, its groups, the rows needed, the test."""

    name: str
    source: str
    scope: Scope
    needs: Callable[[float, float], float]
    test: Callable[..., Outcome | None]


TEXT = Column("input_text", "", Scope.INPUT, rank_needs, domain_classifier)


def columns_of(classes: Classes) -> tuple[Column, ...]:
    """The columns of a task. Pure.

    First what the model says: p(positive) sees most kinds of drift with the fewest rows (Rabanser et al. 2019,
    1810.11953). More labels have the margin in its place, and all verdicts in one test. The light is the candidate: a
    certificate, or a red shown to collect ground truth, changes the light that is shown. Outcome and language are of all
    requests, so that failures and another mix of languages show.
    """
    slug = None if classes.positive is None else classes.slugs[classes.positive]
    output = "margin" if slug is None else f"p_{slug.replace('-', '_')}"
    verdicts = partial(chi_square_needs, categories=len(classes.verdicts))
    lights = partial(chi_square_needs, categories=len(Light))
    outcomes = partial(chi_square_needs, categories=len(WITHOUT_VERDICT) + 1)
    languages = partial(chi_square_needs, categories=2)
    return (
        Column(output, "output", Scope.RELEASE, ks_needs, compare_numbers),
        Column("verdict", "verdict", Scope.RELEASE, verdicts, compare_labels),
        Column("candidate_light", "candidate_light", Scope.RELEASE, lights, compare_labels),
        Column("outcome", "outcome", Scope.INPUT, outcomes, compare_labels),
        Column("input_characters", "input_characters", Scope.INPUT, ks_needs, compare_numbers),
        TEXT,
        Column("language", "language", Scope.LANGUAGES, languages, compare_labels),
    )


def compare(
    classes: Classes,
    pairs: Mapping[Group, Pair],
    alpha: float = ALPHA,
    correction: str = "holm",
    *,
    columns: Sequence[Column] | None = None,
) -> list[Comparison]:
    """Every column of every group: drift, no drift seen, or too few rows. `columns` defaults to all of the task. Pure.

    Too few: with the sizes of *both* sides, a gross shift would pass with a chance of more than a fifth at the level that
    the correction leaves for the smallest p-value. Such a comparison is not tested, and the others are corrected without
    it.
    """
    planned = [
        _select(group, column, pairs[group])
        for group in sorted(pairs)
        for column in (columns_of(classes) if columns is None else columns)
        if column.scope is Scope.of(group) and (pairs[group].current.rows or group.release == ALL)
    ]
    planned = [one for one in planned if any(one.sizes)]
    level = alpha / max(1, sum(all(one.sizes) for one in planned))
    rows = [_compare_column(one, level) for one in planned]
    tested = [i for i, row in enumerate(rows) if row.outcome is not None]
    outcomes = [row.outcome for row in rows if row.outcome is not None]
    adjusted = CORRECTIONS[correction]([outcome.p_value for outcome in outcomes])
    for i, p_adjusted in zip(tested, adjusted, strict=True):
        rows[i] = rows[i].with_verdict(p_adjusted, alpha)
    return rows


@dataclass(frozen=True)
class _Planned:
    """The values of a comparison."""

    group: Group
    column: Column
    reference: Any
    current: Any
    sizes: tuple[int, int]
    effective: tuple[float, float]
    thresholds: str = ""
    other_thresholds: int = 0


def _select(group: Group, column: Column, pair: Pair) -> _Planned:
    """The values of a column: under one set of thresholds, the one with the most rows on both sides.

    Another calibration changes verdicts and lights, and in a cascade which texts a model gets: that is no drift.
    """
    if column is TEXT:
        sizes = len(pair.reference.texts), len(pair.current.texts)
        effective = float(sizes[0]), float(sizes[1])
        return _Planned(group, column, pair.reference.texts, pair.current.texts, sizes, effective)
    sides = pair.reference, pair.current
    digests = sorted({digest for side in sides for digest in side.thresholds(column.source)})
    counts = {digest: [len(side.column(column.source, digest)) for side in sides] for digest in digests}
    digest = max(counts, key=lambda one: (effective_rows(*counts[one]), counts[one][1]), default="")
    values = [side.column(column.source, digest) for side in sides]
    own = counts.get(digest, [0, 0])
    return _Planned(
        group,
        column,
        values[0],
        values[1],
        sizes=(own[0], own[1]),
        effective=(values[0].effective, values[1].effective),
        thresholds=digest,
        other_thresholds=sum(map(sum, counts.values())) - sum(own),
    )


def _compare_column(planned: _Planned, level: float) -> Comparison:
    column, sizes = planned.column, planned.effective
    effective, needs = effective_rows(*sizes), column.needs(GROSS_SHIFT, level)
    result = Comparison(
        planned.group,
        column.name,
        *planned.sizes,
        Verdict.TOO_FEW,
        sizes,
        thresholds=planned.thresholds,
        other_thresholds=planned.other_thresholds,
    )
    if effective < needs:
        return replace(result, needed=rows_needed(int(sizes[0]), int(sizes[1]), needs))
    outcome = column.test(planned.reference, planned.current, resamples=resamples_for(level))
    if outcome is None:
        return replace(result, verdict=Verdict.CANNOT_SAY)
    # A classifier has to learn before it sees anything, so no formula gives the shift that it would see.
    is_classifier = outcome.measure == "area_under_curve"
    smallest = None if is_classifier else shift_seen(column.needs, effective, level)
    return replace(result, verdict=Verdict.NONE_SEEN, outcome=outcome, shift_seen=smallest)
