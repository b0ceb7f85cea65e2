"""Retention: delete records older than the setting allows, at the start and then every hour."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from services.assessor.background import in_background
from signalbox.store import Store

log = logging.getLogger(__name__)

PAUSE_SECONDS = 3600.0


@contextlib.asynccontextmanager
async def purging(store: Store, days: int | None) -> AsyncIterator[None]:
    """Delete old records with their feedback until the block ends; with None, keep all."""
    if not days:
        yield
        return
    async with in_background(_purge_hourly(store, timedelta(days=days))):
        yield


async def _purge_hourly(store: Store, age: timedelta) -> None:
    while True:
        await _purge(store, age)
        await asyncio.sleep(PAUSE_SECONDS)


async def _purge(store: Store, age: timedelta) -> None:
    deleted = 0

    def count(total: int) -> None:
        nonlocal deleted
        deleted = total

    try:
        await store.purge(datetime.now(UTC) - age, count)
    except Exception:  # the next hour may be better, and answers must go on
        log.exception("not all old records deleted", extra={"deleted": deleted, "days": age.days})
    else:
        log.info("old records deleted", extra={"deleted": deleted, "days": age.days})
