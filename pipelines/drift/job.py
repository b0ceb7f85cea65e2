"""Have the records of late another distribution than earlier ones? `signalbox-jobs drift`.

It reads records, not services. A finding is no failure: the exit status is 0, and the metrics carry it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from pipelines.drift.classifier import domain_classifier
from pipelines.drift.defaults import ALPHA, REFERENCE_DAYS
from pipelines.drift.report import Comparison, Report, Verdict
from pipelines.options import ROUTES
from pipelines.statistics import CORRECTIONS, two_sample
from pipelines.statistics.two_sample import Outcome
from pipelines.windows import ALL, Group, Pair, Sample, Windows, read
from signalbox.contracts.light import Light
from signalbox.contracts.record import Route
from signalbox.contracts.record import Verdict as Answer
from signalbox.errors import InputError
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import load_task

MOST_ALPHA = 0.2
GROSS_SHIFT = 0.5  # of the rows; a test that might overlook this says nothing by its silence


@dataclass(frozen=True)
class Column:
    """What is compared: of each release or of all, how many values a sample has, the rows needed, the test."""

    name: str
    of_release: bool
    size: Callable[[Sample], int]
    needs: Callable[[float, float], float]
    test: Callable[[Sample, Sample, int], Outcome]


# First what the model says: p(yes) sees most kinds of drift with the fewest rows (Rabanser et al. 2019, 1810.11953).
# The light is the candidate: a certificate, or a red shown to collect ground truth, changes the light that is shown.
COLUMNS: tuple[Column, ...] = (
    Column(
        "p_yes",
        True,
        lambda s: len(s.p_yes),
        two_sample.ks_needs,
        lambda r, c, _: two_sample.kolmogorov_smirnov(r.p_yes, c.p_yes),
    ),
    Column(
        "verdict",
        True,
        lambda s: s.rows,
        partial(two_sample.chi_square_needs, categories=len(Answer)),
        lambda r, c, n: two_sample.categories(r.verdicts, c.verdicts, resamples=n),
    ),
    Column(
        "candidate_light",
        True,
        lambda s: s.rows,
        partial(two_sample.chi_square_needs, categories=len(Light)),
        lambda r, c, n: two_sample.categories(r.lights, c.lights, resamples=n),
    ),
    Column(
        "input_characters",
        False,
        lambda s: s.rows,
        two_sample.ks_needs,
        lambda r, c, _: two_sample.kolmogorov_smirnov(r.characters, c.characters),
    ),
    Column(
        "input_text",
        False,
        lambda s: len(s.texts),
        two_sample.rank_needs,
        lambda r, c, n: domain_classifier(r.texts, c.texts, resamples=n),
    ),
)


def drift(
    settings: Settings,
    windows: Windows,
    *,
    routes: Sequence[Route] = ROUTES,
    alpha: float = ALPHA,
    correction: str = "holm",
) -> Report:
    """Read the records of both windows and compare them; writes nothing. Raises InputError, StoreUnavailable."""
    if not 0 < alpha <= MOST_ALPHA:
        raise InputError("--alpha", alpha, f"Choose a number above 0 and at most {MOST_ALPHA}.")
    if correction not in CORRECTIONS:
        raise InputError("--correction", correction, f"Choose {' or '.join(CORRECTIONS)}.")
    task = load_task(settings.task)

    async def pairs() -> dict[Group, Pair]:
        async with open_store(settings.store_url) as store:
            return await read(store, task.name, list(task.languages), routes, windows)

    comparisons = compare(asyncio.run(pairs()), alpha, correction)
    return Report(task.name, tuple(routes), windows, alpha, correction, tuple(comparisons))


def compare(pairs: Mapping[Group, Pair], alpha: float = ALPHA, correction: str = "holm") -> list[Comparison]:
    """Every column of every group: drift, no drift seen, or too few to say. Pure.

    Too few: the sizes of *both* sides would let a gross shift pass with more than a fifth of chance at the level that the
    correction leaves for the smallest p-value. Such a comparison is not tested, and the others are corrected without it.
    """
    planned = [(group, column, pairs[group]) for group in sorted(pairs) for column in _columns(pairs, group)]
    both = sum(bool(column.size(p.reference) and column.size(p.current)) for _, column, p in planned)
    level = alpha / max(1, both)
    rows = [_compared(group, column, pair, level) for group, column, pair in planned]
    tested = [i for i, row in enumerate(rows) if row.outcome is not None]
    outcomes = [row.outcome for row in rows if row.outcome is not None]
    adjusted = CORRECTIONS[correction]([outcome.p_value for outcome in outcomes])
    for i, p_adjusted in zip(tested, adjusted, strict=True):
        rows[i] = rows[i].decided(p_adjusted, alpha)
    return rows


def _columns(pairs: Mapping[Group, Pair], group: Group) -> list[Column]:
    """A release that answers no more is not compared; nor is what no record of either side has."""
    pair = pairs[group]
    of_release = group.release != ALL
    if of_release and not pair.current.rows:
        return []
    sides = (pair.reference, pair.current)
    return [c for c in COLUMNS if c.of_release is of_release and any(c.size(side) for side in sides)]


def _compared(group: Group, column: Column, pair: Pair, level: float) -> Comparison:
    sizes = column.size(pair.reference), column.size(pair.current)
    effective, needed = two_sample.effective_rows(*sizes), column.needs(GROSS_SHIFT, level)
    if effective < needed:
        wanted = two_sample.rows_needed(*sizes, needed)
        return Comparison(group, column.name, *sizes, Verdict.TOO_FEW, needed=wanted)
    outcome = column.test(pair.reference, pair.current, two_sample.resamples_for(level))
    # A classifier has to learn before it sees anything, so no formula tells what it would see.
    learnt = outcome.measure == "area_under_curve"
    seen = None if learnt else two_sample.shift_seen(column.needs, effective, level)
    return Comparison(group, column.name, *sizes, Verdict.NONE_SEEN, outcome=outcome, shift_seen=seen)


def windows_of(
    now: datetime, *, current_days: int, reference_days: int | None = None, reference_from: str | None = None
) -> Windows:
    """Current is the last days up to now, reference what lies before it. InputError names the option."""
    if reference_days is not None and reference_from is not None:
        hint = "Give --reference-days or --reference-from, not both."
        raise InputError("--reference-from", reference_from, hint)
    border = now - timedelta(days=current_days)
    if reference_from is None:
        days = REFERENCE_DAYS if reference_days is None else reference_days
        return Windows(border - timedelta(days=days), border, now)
    try:
        since = datetime.fromisoformat(reference_from)
    except ValueError as error:
        hint = "Give a date or a time, for example 2026-09-01 or 2026-09-01T08:00+02:00."
        raise InputError("--reference-from", reference_from, hint) from error
    since = since if since.tzinfo else since.replace(tzinfo=UTC)
    if since >= border:
        hint = f"Give a time before {border:%Y-%m-%dT%H:%M%z}, where the current window begins."
        raise InputError("--reference-from", reference_from, hint)
    return Windows(since, border, now)
