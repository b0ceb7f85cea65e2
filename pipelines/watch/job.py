"""Watch the certificates of a task: one pass over what is in the store now.

Everything is replayed from the rows, so a pass that is repeated, or that another process makes at the same time, changes
nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pipelines.watch.alarms import alarms_of, text_alarms
from pipelines.watch.defaults import ALPHA, CURRENT_DAYS
from signalbox.certificate.folder import VerifiedCertificate, verified_or_error
from signalbox.certificate.monitoring import ledger
from signalbox.certificate.monitoring.monitor import ACTOR, Observation, decide
from signalbox.certificate.monitoring.reading import labels_from
from signalbox.contracts.certificate import CertificateEvent, CertificateState
from signalbox.contracts.record import Record
from signalbox.contracts.routes import ROUTES, Route
from signalbox.errors import InputError
from signalbox.requests.known import data_hashes
from signalbox.settings import Settings
from signalbox.store import Store, store_of
from signalbox.tasks import Task, load_task

logger = logging.getLogger(__name__)

_MOST_ALPHA = 0.05


@dataclass(frozen=True)
class Row:
    """One campaign after the pass, and the event that the pass wrote, if it did."""

    observation: Observation
    event: CertificateEvent | None


@dataclass(frozen=True)
class Result:
    """A pass. `events`: all events of the task after it."""

    task: Task
    rows: tuple[Row, ...]
    events: tuple[CertificateEvent, ...]


def watch(
    settings: Settings,
    *,
    routes: Sequence[Route] = tuple(ROUTES),
    alpha: float = ALPHA,
    current_days: int = CURRENT_DAYS,
) -> Result:
    """Look at each campaign that has a certificate. Raises InputError, StoreUnavailable."""
    if not 0 < alpha <= _MOST_ALPHA:
        raise InputError("--alpha", alpha, f"Choose a number above 0 and at most {_MOST_ALPHA}.")
    task = load_task(settings.task)
    return asyncio.run(_Pass(settings, task, alpha, current_days).run(routes))


class _Pass:
    def __init__(self, settings: Settings, task: Task, alpha: float, current_days: int) -> None:
        self._settings, self._task = settings, task
        self._alpha, self._current_days = alpha, current_days
        self._hashes = data_hashes(task)
        self._records: dict[str, list[Record]] = {}

    async def run(self, routes: Sequence[Route]) -> Result:
        campaigns: defaultdict[str, list[VerifiedCertificate]] = defaultdict(list)
        for one in verified_or_error(self._settings.certificates_dir, self._settings.certificate_public_key):
            key = one.certificate.campaign.key
            if key.task == self._task.name and key.route in routes:
                campaigns[one.certificate.campaign.id].append(one)
        async with store_of(self._settings) as store:
            now = await store.requests.now()  # one clock for all writers: that of the database
            rows = [await self._look(store, certificates, now) for certificates in campaigns.values()]
            events = await store.events.of_task(self._task.name)
        logger.info("certificates watched", extra={"certificates": len(rows)})
        return Result(self._task, tuple(rows), tuple(events))

    async def _look(self, store: Store, certificates: list[VerifiedCertificate], now: datetime) -> Row:
        certificates.sort(key=lambda one: one.certificate.issued_at)
        for one in certificates:
            await ledger.write_issue(store.events, one.certificate, one.digest, ACTOR)
        campaign = certificates[-1].certificate.campaign
        records = await self._asked(store, campaign.key.language)
        labels = await labels_from(store, records, campaign, self._task, self._hashes)
        open_requests = tuple(
            row.asked_at for row in records if row.asked_at and row.input_sha256 in labels.unanswered
        )
        events = await store.events.of_campaign(campaign.id)
        observation = Observation(tuple(certificates), tuple(events), labels, open_requests)
        alarms = []
        if observation.state is CertificateState.CERTIFIED:
            alarms = await alarms_of(
                store, self._task, observation, now, alpha=self._alpha, current_days=self._current_days
            )
            alarms += text_alarms(self._settings.state_dir / "reports", observation)
        event = decide(observation, alarms, now)
        stored = await ledger.write(store.events, event, events) if event else None
        if stored:
            observation = replace(observation, events=(*events, stored))
        return Row(observation, stored)

    async def _asked(self, store: Store, language: str) -> list[Record]:
        if language not in self._records:
            self._records[language] = await store.compared.asked(self._task.name, language)
        return self._records[language]
