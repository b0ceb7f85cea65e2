"""The events of certificates, read in the background: no answer waits for the database to know its light."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from services.assessor.background import in_background
from services.assessor.decisions.certificates import CertificateTable
from services.assessor.metrics import Metrics
from signalbox.certificate.standing import LoadedCertificate, state_now
from signalbox.contracts import certificate_metrics as names
from signalbox.contracts.certificate import CertificateState
from signalbox.contracts.routes import Route
from signalbox.errors import SignalboxError
from signalbox.store import Store
from signalbox.tasks import Task

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
READ_SECONDS = 5.0  # a database that hangs must not keep the start waiting


class EventPoll:
    """Hands the events of the store to the table of certificates, and exports their states."""

    def __init__(self, task: Task, table: CertificateTable, store: Store, metrics: Metrics) -> None:
        self._task, self._table, self._store, self._metrics = task, table, store, metrics
        self._is_reading = True

    async def poll(self) -> None:
        """Read once. Where that fails, the table keeps what it has, until it is too old."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                events = await self._store.events.of_task(self._task.name)
        except (SignalboxError, TimeoutError):
            if self._is_reading:
                log.warning("certificate events not read: store unavailable")
            self._is_reading = False
        else:
            self._is_reading = True
            self._table.update(events)
        self._export()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read once, then repeatedly until the block ends."""
        await self._try()
        async with in_background(self._poll_repeatedly()):
            yield

    async def _poll_repeatedly(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self._try()

    async def _try(self) -> None:
        try:
            await self.poll()
        except Exception:  # the next time may be better, and answers must go on
            log.exception("certificate events not read")

    def _export(self) -> None:
        """The newest certificate of each key; a state that cannot be read is none of the states."""
        now = datetime.now(UTC)
        newest: defaultdict[tuple[str, str, Route], list[LoadedCertificate]] = defaultdict(list)
        for one in self._table.loaded():
            key = one.certificate.campaign.key
            newest[key.verdict or "", key.language, key.route].append(one)
        for rows in newest.values():
            one = max(rows, key=lambda row: row.certificate.issued_at)
            certificate, labels = one.certificate, self._metrics.key_labels(one.certificate.campaign.key)
            state = state_now(one, now)
            for other in CertificateState:
                self._metrics[names.CERTIFICATE_STATE].labels(*labels, other.value).set(other is state)
            self._metrics[names.CERTIFICATE_EXPIRY].labels(*labels).set(certificate.expires_at.timestamp())
            self._metrics[names.CERTIFICATE_ISSUED].labels(*labels).set(certificate.issued_at.timestamp())
            share = {
                CertificateState.CERTIFIED: self._task.certificate.fake_red,
                CertificateState.SUSPENDED: 1.0,
            }
            self._metrics[names.CERTIFICATE_SHOWN_RED].labels(*labels).set(
                share.get(state, 0.0) if state else 0.0
            )
