"""Requests for records that arrive while a campaign is open: drawn again and again, each with the same result."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from services.assessor.background import in_background
from services.assessor.metrics import Metrics
from signalbox.contracts.record import Record
from signalbox.contracts.requests import Sampling
from signalbox.requests import requests_of
from signalbox.requests.answers import answer_pages
from signalbox.requests.known import data_hashes
from signalbox.store import Store
from signalbox.tasks import Task

log = logging.getLogger(__name__)

PAUSE_SECONDS = 30.0
_ROWS_AT_ONCE = 500
_OVERLAP = timedelta(minutes=10)  # records that waited in a spool


class Refill:
    """Draws requests from new records, and counts the ones that wait."""

    def __init__(self, task: Task, store: Store, metrics: Metrics) -> None:
        self._task, self._store, self._metrics = task, store, metrics
        self._known: frozenset[str] | None = None
        self._read_until: dict[str, datetime] = {}
        # Hashes by campaign: the overlap reads records again, and to look for their labels costs more than to read them.
        self._done: dict[str, set[str]] = defaultdict(set)

    async def run_once(self) -> int:
        """Draw from the records since the last time; the number of new requests."""
        added = 0
        for sampling in await self._store.requests.open_campaigns(self._task.name):
            added += await self._draw(sampling)
            name = sampling.campaign.id
            states = await self._store.requests.states(name, asked_only=True)
            answers = sum(state.slot == 1 and state.is_done for state in states)
            waiting = await self._store.requests.count(name) - answers
            self._metrics.set_waiting(sampling.campaign.key, waiting)
        return added

    async def _draw(self, sampling: Sampling) -> int:
        """In parts, so that answers go on meanwhile."""
        campaign, added = sampling.campaign, 0
        since = self._read_until.get(campaign.id, campaign.planned_at) - _OVERLAP
        language = campaign.key.language
        pages = answer_pages(self._store, self._task.name, language, since=since, rows=_ROWS_AT_ONCE)
        async for records in pages:
            added += await self._add(sampling, records)
            if records:
                self._read_until[campaign.id] = records[-1].created_at
        return added

    async def _add(self, sampling: Sampling, records: list[Record]) -> int:
        texts, hashes = await self._texts_of_task(), self._done[sampling.campaign.id]
        requests = requests_of(sampling, records, self._task, known=texts, excluded=hashes)
        if not requests:
            return 0
        excluded = await self._store.requests.excluded_hashes(self._task.name)
        fresh = [request for request in requests if request.input_sha256 not in excluded]
        added = await self._store.requests.add_requests(fresh)
        # Only now: after an error of the store, the next time has to try them again.
        hashes.update(request.input_sha256 for request in requests)
        return len(added)

    async def _texts_of_task(self) -> frozenset[str]:
        if self._known is None:
            self._known = await asyncio.to_thread(data_hashes, self._task)
        return self._known


@contextlib.asynccontextmanager
async def refilling(refill: Refill) -> AsyncIterator[None]:
    """Draw until the block ends."""
    async with in_background(_run_forever(refill)):
        yield


async def _run_forever(refill: Refill) -> None:
    while True:
        try:
            await refill.run_once()
        except Exception:  # the next time may be better, and answers must go on
            log.exception("requests for ground truth not drawn")
        await asyncio.sleep(PAUSE_SECONDS)
