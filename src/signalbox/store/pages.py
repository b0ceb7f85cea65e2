"""Records by what the drift job compares of them: an index that is small next to the bodies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from datetime import UTC, datetime

from signalbox.contracts.record import Record
from signalbox.store.backend import Backend
from signalbox.store.compared import (
    BODIES_AT_ONCE,
    PAGE_ROWS,
    ROW_BYTES,
    ComparedPage,
    Place,
    Span,
    Stored,
    begin_of,
    input_key,
    rows_with_text,
    time_of,
)
from signalbox.store.migrations import IS_ASKED
from signalbox.store.rows import parse_row

ASKED = f"SELECT body FROM record WHERE task = ? AND language = ? AND source = 'user' AND {IS_ASKED}"  # noqa: S608
_ALWAYS = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


class ComparedStore:
    """Raises StoreUnavailable when the database cannot be reached."""

    def __init__(self, backend: Backend, connect: Callable[[], Awaitable[None]]) -> None:
        self._backend, self._connect = backend, connect

    async def pages(self, span: Span, rows: int = PAGE_ROWS) -> AsyncIterator[ComparedPage]:
        """Oldest first. Records of versions without the column come before the others."""
        await self._connect()
        place: Place | None = None
        while True:
            page, place = await self._backend.unpacked(span, place, min(rows, BODIES_AT_ONCE))
            if page.rows:
                yield page
            if place is None:
                break
        last, joined = begin_of(span.since), bytes(rows * ROW_BYTES)
        while len(joined) == rows * ROW_BYTES:
            joined, last = await self._backend.packed(span, last, rows)
            if joined:
                yield ComparedPage(joined, {})

    async def stored(self, span: Span, rows: Collection[bytes]) -> dict[bytes, Stored]:
        """What the records of some rows of the span have besides, of those that still exist."""
        await self._connect()
        return await self._backend.stored(span, rows)

    async def asked(self, task: str, language: str) -> list[Record]:
        """Users' records whose text was asked for, with the other records of these texts; the newest first."""
        await self._connect()
        bodies = await self._backend.fetch(ASKED, (task, language))
        asked = [record for (body,) in bodies if (record := parse_row(Record, str(body))).asked]
        hashes = {record.input_sha256 for record in asked}
        if not hashes:
            return []
        keys, span = {input_key(one) % (1 << 64) for one in hashes}, Span(task, language, *_ALWAYS)
        rows = [row async for page in self.pages(span) for row in rows_with_text(page.rows, keys)]
        stored = await self.stored(span, rows)
        records = [
            parse_row(Record, stored[row].body, time_of(row))
            for row in sorted(rows, reverse=True)
            if row in stored
        ]
        return [record for record in records if record.input_sha256 in hashes]
