"""The events of certificates: append-only rows, dated and ordered by the database."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from signalbox.contracts.certificate import CertificateEvent
from signalbox.store.requests import Database, Row, time_of

_COLUMNS = "id, at, task, campaign_id, certificate_id, certificate_digest, position, action, cause, actor, reason, details"
_ADD = f"""INSERT INTO certificate_event ({_COLUMNS}) VALUES (?, {{now}}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING RETURNING {_COLUMNS}"""  # noqa: S608
_OF_TASK = f"SELECT {_COLUMNS} FROM certificate_event WHERE task = ? ORDER BY seq"  # noqa: S608
_OF_CAMPAIGN = f"SELECT {_COLUMNS} FROM certificate_event WHERE campaign_id = ? ORDER BY position"  # noqa: S608


class EventStore:
    """Raises StoreUnavailable when the database cannot be reached: an event is never held back in a spool."""

    def __init__(self, database: Database, connect: Callable[[], Awaitable[None]]) -> None:
        self._database, self._connect = database, connect

    async def append(self, event: CertificateEvent) -> CertificateEvent | None:
        """The event as stored, dated by the database. None if another event has its position, or its id is there."""
        await self._connect()
        values = (
            event.id,
            event.task,
            event.campaign_id,
            event.certificate_id,
            event.certificate_digest,
            event.position,
            event.action.value,
            event.cause.value,
            event.actor,
            event.reason,
            json.dumps(event.details, ensure_ascii=False),
        )
        [rows] = await self._database.change([(_ADD, values)])
        return _event(rows[0]) if rows else None

    async def of_task(self, task: str) -> list[CertificateEvent]:
        """All events of a task, in the order in which they were stored."""
        return await self._fetch(_OF_TASK, task)

    async def of_campaign(self, campaign_id: str) -> list[CertificateEvent]:
        """All events of a campaign, by position."""
        return await self._fetch(_OF_CAMPAIGN, campaign_id)

    async def _fetch(self, statement: str, value: str) -> list[CertificateEvent]:
        await self._connect()
        return [_event(row) for row in await self._database.fetch(statement, (value,))]


def _event(row: Row) -> CertificateEvent:
    name, at, *values, details = row
    fields = dict(zip(_COLUMNS.split(", ")[2:-1], values, strict=True))
    body = {"id": name, "created_at": time_of(at), **fields, "details": json.loads(str(details))}
    return CertificateEvent.model_validate(body)
