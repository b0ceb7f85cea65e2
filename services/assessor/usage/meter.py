"""Counts usage for Prometheus and for the record store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, date, datetime

from services.assessor.background import in_background
from services.assessor.metrics import Metrics
from signalbox.contracts import usage_metrics as names
from signalbox.contracts.usage import OTHERS, Amount, UsageKey
from signalbox.store import Store, StoreUnavailable
from signalbox.usage.energy import Energy

log = logging.getLogger(__name__)

# Series per process stay below this number times models and directions, however often a file of keys changes.
MOST_CLIENTS = 200
PAUSE_SECONDS = 10.0


def _today() -> date:
    return datetime.now(UTC).date()


class Meter:
    """Amounts since the last write, by day, client and model. Metrics are counted at once.

    A process that is killed loses what it did not write, at most `PAUSE_SECONDS` of usage; an answer never waits for it.
    """

    def __init__(self, metrics: Metrics, energy: Energy, today: Callable[[], date] = _today) -> None:
        self._metrics, self._energy, self._today = metrics, energy, today
        self._clients: set[str] = set()
        self._waiting: dict[UsageKey, Amount] = {}

    def add(self, client: str, amounts: Mapping[str, Amount]) -> None:
        """Count the amounts of one request, by model."""
        name, day = self._bounded(client), self._today()
        for model, amount in amounts.items():
            key = UsageKey(day, name, model)
            self._waiting[key] = self._waiting.get(key, Amount()).plus(amount)
            self._count(name, model, amount)

    async def write(self, store: Store) -> None:
        """Write what waits. Raises StoreUnavailable; it waits on then."""
        amounts, self._waiting = self._waiting, {}
        if not amounts:
            return
        try:
            await store.usage.add(amounts)
        except BaseException:
            for key, amount in amounts.items():
                self._waiting[key] = self._waiting.get(key, Amount()).plus(amount)
            raise

    def _bounded(self, client: str) -> str:
        if client not in self._clients and len(self._clients) >= MOST_CLIENTS:
            return OTHERS
        self._clients.add(client)
        return client

    def _count(self, client: str, model: str, amount: Amount) -> None:
        metrics = self._metrics
        if amount.requests:
            metrics.series(names.USAGE_REQUESTS, client, model).inc(amount.requests)
        if amount.seconds:
            metrics.series(names.USAGE_SECONDS, client, model).inc(amount.seconds)
        for direction, tokens in (("prompt", amount.prompt_tokens), ("completion", amount.completion_tokens)):
            if tokens:
                metrics.series(names.USAGE_TOKENS, client, model, direction).inc(tokens)
        if watthours := self._energy.watthours(model, amount):
            metrics.series(names.USAGE_ENERGY, client, model).inc(watthours)


@contextlib.asynccontextmanager
async def writing(meter: Meter, store: Store, pause_seconds: float = PAUSE_SECONDS) -> AsyncIterator[None]:
    """Write every few seconds until the block ends, and once more then."""
    try:
        async with in_background(_write_forever(meter, store, pause_seconds)):
            yield
    finally:
        await _write_once(meter, store)


async def _write_forever(meter: Meter, store: Store, pause_seconds: float) -> None:
    while True:
        await asyncio.sleep(pause_seconds)
        # Not cancelled in between: a statement that was sent may or may not be committed.
        await asyncio.shield(_write_once(meter, store))


async def _write_once(meter: Meter, store: Store) -> None:
    try:
        await meter.write(store)
    except StoreUnavailable as error:
        log.warning("usage not written; it waits", extra={"cause": str(error)})
    except Exception:  # of any kind: answers must go on
        log.exception("usage not written; it waits")
