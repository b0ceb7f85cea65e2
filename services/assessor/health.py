"""Readiness, polled in the background so that a probe never waits for a model."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping

from services.assessor.background import in_background
from services.assessor.metrics import Metrics
from services.assessor.schemas import Health
from signalbox.contracts import metrics as names
from signalbox.errors import SignalboxError
from signalbox.models.base import ModelClient
from signalbox.store import Store

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
STORE_SECONDS = 2.0  # a database that hangs must not delay the state of the models


class HealthPoll:
    """Whether this process answers requests, and the last state of each upstream.

    No upstream makes the assessor unready: without a model, its answers are red lights, and without the store, records
    are spooled. An unready pod leaves its Service, and then nobody gets either.
    """

    def __init__(self, clients: Mapping[str, ModelClient], store: Store, metrics: Metrics) -> None:
        self._clients, self._store, self._metrics = clients, store, metrics
        self._state = dict.fromkeys((*clients, "store"), False)
        self._serving = False

    @property
    def health(self) -> Health:
        """The last known state."""
        return Health(ready=self._serving, upstreams=dict(self._state))

    @property
    def answering(self) -> set[str]:
        """The models that answered the last check."""
        return {name for name in self._clients if self._state[name]}

    async def poll(self) -> None:
        """Check each upstream once."""
        answers = (*(client.ready() for client in self._clients.values()), self._store_answers())
        self._state = state = dict(zip(self._state, await asyncio.gather(*answers), strict=True))
        for name, up in state.items():
            self._metrics[names.UPSTREAM_READY].labels(name).set(up)
        self._metrics[names.SPOOLED_ROWS].set(self._store.spooled)
        failures = self._metrics[names.STORE_FAILURES]
        failures.inc(self._store.write_failures - failures._value.get())

    async def _store_answers(self) -> bool:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._store.ping()
        except (SignalboxError, TimeoutError):
            return False
        return True

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Be ready, and poll, until the block ends."""
        await self.poll()
        async with in_background(self._poll_repeatedly()):
            self._serving = True
            try:
                yield
            finally:
                self._serving = False

    async def _poll_repeatedly(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.poll()
            except Exception:  # a poll that ends for good would show the last state indefinitely
                log.exception("health check failed")
                self._state = dict.fromkeys(self._state, False)
