"""Compare recent records with a reference window.

The job reads records, not services. Drift is a result and not a failure: the exit status is 0, and the metrics carry it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pipelines.classes import Classes
from pipelines.drift.comparison import Verdict, compare
from pipelines.drift.defaults import ALPHA, REFERENCE_DAYS
from pipelines.drift.report import Report
from pipelines.statistics import CORRECTIONS
from pipelines.windows import Group, Pair, Windows, read
from signalbox.contracts.routes import ROUTES, Route
from signalbox.errors import InputError
from signalbox.settings import Settings
from signalbox.store import store_of
from signalbox.tasks import load_task

logger = logging.getLogger(__name__)

MOST_ALPHA = 0.2


def drift(
    settings: Settings,
    windows: Windows,
    *,
    routes: Sequence[Route] = tuple(ROUTES),
    alpha: float = ALPHA,
    correction: str = "holm",
) -> Report:
    """Read the records of both windows and compare them; writes nothing. Raises InputError, StoreUnavailable."""
    return compare_windows(settings, windows, routes=routes, alpha=alpha, correction=correction)[0]


def compare_windows(
    settings: Settings, windows: Windows, *, routes: Sequence[Route], alpha: float, correction: str
) -> tuple[Report, dict[Group, Pair]]:
    """The same, with the values that were compared."""
    if not 0 < alpha <= MOST_ALPHA:
        raise InputError("--alpha", alpha, f"Choose a number above 0 and at most {MOST_ALPHA}.")
    if correction not in CORRECTIONS:
        raise InputError("--correction", correction, f"Choose {' or '.join(CORRECTIONS)}.")
    task = load_task(settings.task)

    async def pairs() -> dict[Group, Pair]:
        async with store_of(settings) as store:
            return await read(store, task, list(task.languages), routes, windows)

    values = asyncio.run(pairs())
    comparisons = compare(Classes.of(task), values, alpha, correction)
    report = Report(task.name, tuple(routes), windows, alpha, correction, tuple(comparisons))
    counts = {verdict.name.lower(): report.count(verdict) for verdict in Verdict}
    logger.info("windows compared", extra={"comparisons": len(comparisons), **counts})
    return report, values


def windows_of(
    now: datetime, *, current_days: int, reference_days: int | None = None, reference_from: str | None = None
) -> Windows:
    """Current is the last days up to now, reference the days before it. InputError names the option."""
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
