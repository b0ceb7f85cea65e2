"""A campaign with a signed certificate and its records in a store, as the queue and the assessor write them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from signalbox.certificate import folder
from signalbox.certificate.issue import issue
from signalbox.certificate.labels import labels_of
from signalbox.certificate.signing import create_key, digest_of, load_private_key, sign
from signalbox.contracts.certificate import CertificateEvent
from signalbox.contracts.labels import NO, YES, yes_no
from signalbox.contracts.record import Feedback, Record
from signalbox.settings import Settings
from signalbox.store import open_store
from tests.signalbox.certificate.examples import (
    TASK_FOLDER,
    answered,
    campaign,
    entry,
    record,
    requested,
    task,
)

__all__ = ["TASK_FOLDER", "World"]


class World:
    """Times are relative to now: the store dates events by the clock of its database."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.now = settings, datetime.now(UTC)
        self._numbers = iter(range(10_000, 100_000))
        self.planned_at, self.issued_at = self.now - timedelta(days=3), self.now - timedelta(days=2)
        shift = self.planned_at - campaign().planned_at
        rows, entries = answered(60)
        rows = [_later(row, shift) for row in rows]
        entries = {
            name: [one.model_copy(update={"created_at": one.created_at + shift}) for one in own]
            for name, own in entries.items()
        }
        self.campaign = campaign(planned_at=self.planned_at)
        labels = labels_of(rows, entries, self.campaign, task(), set())
        self.certificate = issue(self.campaign, labels, now=self.issued_at, days=28)
        self.digest = digest_of(self.certificate)
        private = settings.state_dir / "certificate.pem"
        create_key(private)
        signed = sign(self.certificate, load_private_key(private))
        self.path = folder.save_certificate(settings.certificates_dir, signed, task())
        self.add(rows, [one for own in entries.values() for one in own])

    def add(self, rows: Iterable[Record], entries: Iterable[Feedback] = ()) -> None:
        """Store records, then entries."""

        async def store_all() -> None:
            async with open_store(self.settings.store_url) as store:
                await store.append_many(list(rows))
                for one in entries:
                    await store.add_feedback(one)

        asyncio.run(store_all())

    def request(self, count: int, *, days_ago: float = 1.0, chance: float = 0.05) -> list[Record]:
        """Answers of the zone that were shown red."""
        start = self.now - timedelta(days=days_ago)
        times = [start + timedelta(seconds=number) for number in range(count)]
        return [
            requested(next(self._numbers), created_at=time, asked_at=time, propensity=chance)
            for time in times
        ]

    def label(self, count: int, wrong: int = 0, **fields: float) -> list[Record]:
        """Requests with their entries, the wrong ones spread evenly."""
        rows = self.request(count, **fields)
        errors = [(number + 1) * wrong // count > number * wrong // count for number in range(count)]
        self.add(rows, [entry(row, NO if error else YES) for row, error in zip(rows, errors, strict=True)])
        return rows

    def traffic(self, count: int, p_yes: Sequence[float], *, days_ago: float) -> None:
        """Answers that nobody was asked about."""
        start = self.now - timedelta(days=days_ago)
        self.add(
            record(
                next(self._numbers),
                created_at=start + timedelta(minutes=number),
                probabilities=yes_no(p_yes[number % len(p_yes)]),
                propensity=0.05,
            )
            for number in range(count)
        )

    def events(self) -> list[CertificateEvent]:
        async def read() -> list[CertificateEvent]:
            async with open_store(self.settings.store_url) as store:
                return await store.events.of_task("medical")

        return asyncio.run(read())

    def actions(self) -> list[str]:
        return [event.action.value for event in self.events()]


def _later(row: Record, shift: timedelta) -> Record:
    asked_at = row.asked_at + shift if row.asked_at else None
    return row.model_copy(update={"created_at": row.created_at + shift, "asked_at": asked_at})
