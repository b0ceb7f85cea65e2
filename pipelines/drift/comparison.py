"""Comparison of two windows: a table of columns, each with its test, and the verdicts after correction. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from pipelines.classes import Classes
from pipelines.drift.classifier import domain_classifier
from pipelines.drift.defaults import ALPHA
from pipelines.statistics import (
    CORRECTIONS,
    Outcome,
    categories,
    chi_square_needs,
    effective_rows,
    kolmogorov_smirnov,
    ks_needs,
    rank_needs,
    resamples_for,
    rows_needed,
    shift_seen,
)
from pipelines.windows import ALL, Group, Pair, Sample
from signalbox.contracts.light import Light

GROSS_SHIFT = 0.5  # of the rows; a test that might overlook this says nothing by its silence


class Verdict(StrEnum):
    """Result of a comparison. Too few rows never give a verdict on drift."""

    DRIFT = "drift"
    NONE_SEEN = "no drift seen"
    TOO_FEW = "too few to say"


@dataclass(frozen=True)
class Comparison:
    """One column of one group. Sizes count values; `needed` are sizes of both sides, where these are too few.

    `shift_seen`: the smallest share of moved rows that the test sees with a power of 0.8; None where no formula exists.
    """

    group: Group
    column: str
    reference: int
    current: int
    verdict: Verdict
    outcome: Outcome | None = None
    p_adjusted: float | None = None
    shift_seen: float | None = None
    needed: tuple[int, int] | None = None

    def with_verdict(self, p_adjusted: float, alpha: float) -> Comparison:
        """The same with its verdict, from the p-value after correction."""
        verdict = Verdict.DRIFT if p_adjusted <= alpha else Verdict.NONE_SEEN
        return replace(self, p_adjusted=p_adjusted, verdict=verdict)


@dataclass(frozen=True)
class Column:
    """A quantity to compare: per release or for all, the values in a sample, the rows needed, the test."""

    name: str
    of_release: bool
    size: Callable[[Sample], int]
    needs: Callable[[float, float], float]
    test: Callable[[Sample, Sample, int], Outcome]


def columns_of(classes: Classes) -> tuple[Column, ...]:
    """The columns of a task. Pure.

    First what the model says: p(positive) sees most kinds of drift with the fewest rows (Rabanser et al. 2019,
    1810.11953). More labels have the margin in its place, and all verdicts in one test.
    """
    slug = None if classes.positive is None else classes.slugs[classes.positive]
    return (
        Column(
            "margin" if slug is None else f"p_{slug.replace('-', '_')}",
            True,
            lambda s: len(s.outputs),
            ks_needs,
            lambda r, c, _: kolmogorov_smirnov(r.outputs, c.outputs),
        ),
        Column(
            "verdict",
            True,
            lambda s: s.rows,
            partial(chi_square_needs, categories=len(classes.verdicts)),
            lambda r, c, n: categories(r.verdicts, c.verdicts, resamples=n),
        ),
        *_FIXED_COLUMNS,
    )


# The light is the candidate: a certificate, or a red shown to collect ground truth, changes the light that is shown.
_FIXED_COLUMNS: tuple[Column, ...] = (
    Column(
        "candidate_light",
        True,
        lambda s: s.rows,
        partial(chi_square_needs, categories=len(Light)),
        lambda r, c, n: categories(r.lights, c.lights, resamples=n),
    ),
    Column(
        "input_characters",
        False,
        lambda s: s.rows,
        ks_needs,
        lambda r, c, _: kolmogorov_smirnov(r.characters, c.characters),
    ),
    Column(
        "input_text",
        False,
        lambda s: len(s.texts),
        rank_needs,
        lambda r, c, n: domain_classifier(r.texts, c.texts, resamples=n),
    ),
)


def compare(
    classes: Classes, pairs: Mapping[Group, Pair], alpha: float = ALPHA, correction: str = "holm"
) -> list[Comparison]:
    """Every column of every group: drift, no drift seen, or too few rows. Pure.

    Too few: with the sizes of *both* sides, a gross shift would pass with a chance of more than a fifth at the level that
    the correction leaves for the smallest p-value. Such a comparison is not tested, and the others are corrected without
    it.
    """
    columns = columns_of(classes)
    planned = [
        (group, column, pairs[group])
        for group in sorted(pairs)
        for column in _columns(columns, pairs[group], group)
    ]
    both = sum(bool(column.size(p.reference) and column.size(p.current)) for _, column, p in planned)
    level = alpha / max(1, both)
    rows = [_compare_column(group, column, pair, level) for group, column, pair in planned]
    tested = [i for i, row in enumerate(rows) if row.outcome is not None]
    outcomes = [row.outcome for row in rows if row.outcome is not None]
    adjusted = CORRECTIONS[correction]([outcome.p_value for outcome in outcomes])
    for i, p_adjusted in zip(tested, adjusted, strict=True):
        rows[i] = rows[i].with_verdict(p_adjusted, alpha)
    return rows


def _columns(columns: Sequence[Column], pair: Pair, group: Group) -> list[Column]:
    """None of a release without current records, and no column without a value on either side."""
    of_release = group.release != ALL
    if of_release and not pair.current.rows:
        return []
    sides = (pair.reference, pair.current)
    return [c for c in columns if c.of_release is of_release and any(c.size(side) for side in sides)]


def _compare_column(group: Group, column: Column, pair: Pair, level: float) -> Comparison:
    sizes = column.size(pair.reference), column.size(pair.current)
    effective, needs = effective_rows(*sizes), column.needs(GROSS_SHIFT, level)
    if effective < needs:
        return Comparison(group, column.name, *sizes, Verdict.TOO_FEW, needed=rows_needed(*sizes, needs))
    outcome = column.test(pair.reference, pair.current, resamples_for(level))
    # A classifier has to learn before it sees anything, so no formula gives the shift that it would see.
    is_classifier = outcome.measure == "area_under_curve"
    smallest = None if is_classifier else shift_seen(column.needs, effective, level)
    return Comparison(group, column.name, *sizes, Verdict.NONE_SEEN, outcome=outcome, shift_seen=smallest)
