"""Postgres through asyncpg."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from signalbox.contracts.record import Feedback, Record
from signalbox.store.backend import Query, RowRejected, StoredFields, StoreUnavailable
from signalbox.store.compared import (
    RECORD_COLUMNS,
    ComparedPage,
    Place,
    Span,
    Stored,
    begin_of,
    page_of,
    row_of,
    stored_of,
    time_of,
)
from signalbox.store.databases.group_commit import Append, GroupCommit, Results, new_records
from signalbox.store.databases.postgres_pool import UNAVAILABLE, open_pool, unavailable
from signalbox.store.databases.postgres_rows import (
    BODIES,
    BY_ID,
    BY_IDS,
    INSERT_FEEDBACK,
    NEWEST_FEEDBACK,
    PACKED,
    PURGE,
    STORED,
    feedback_of,
    matching,
    record_of,
    values_of_query,
)
from signalbox.store.portable import Statement, postgres_form

_COPY_REPETITIONS = 5  # each time, another process may have stored one of the ids
_PURGE_SECONDS = 60.0  # of a statement: a slow disk takes 10 ms for each of its rows


class PostgresBackend:
    """A small pool; every statement has a time limit."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[Any] | None = None
        self._connecting = asyncio.Lock()
        self._commits = GroupCommit(self._commit, is_own=_is_of_a_row)

    async def connect(self) -> list[str]:
        """Create the pool and migrate under an advisory lock."""
        async with self._connecting:
            if self._pool is not None:
                return []
            self._pool, migrated = await open_pool(self._url)
            self._commits.start()
            return migrated

    async def append(self, records: Sequence[Record]) -> None:
        """Queue for the next commit and wait until it is durable."""
        if self._pool is None:
            raise StoreUnavailable("Postgres: not connected.")
        if records:
            await self._commits.append(records)

    async def add_feedback(self, feedback: Feedback) -> bool:
        """One row; False when the record does not exist."""
        await self._fetch(
            INSERT_FEEDBACK,
            feedback.id,
            feedback.created_at,
            feedback.label,
            feedback.model_dump_json(),
            feedback.prediction_id,
        )
        return bool(await self._fetch("SELECT 1 FROM feedback WHERE id = $1", feedback.id))

    async def get(self, record_id: str) -> Record | None:
        """One record."""
        rows = await self._fetch(BY_ID, record_id)
        return record_of(*rows[0]) if rows else None

    async def records(self, query: Query) -> list[Record]:
        """Records that match."""
        rows = await self._fetch(matching("created_at, body", query), *values_of_query(query))
        return [record_of(*row) for row in rows]

    async def fields(self, names: Sequence[str], query: Query) -> list[StoredFields]:
        """The database parses each body once."""
        inner = matching("id, created_at, body::json AS body", query)
        values = ", ".join(f"body -> ${number}::text" for number in range(6, 6 + len(names)))
        sql = f"SELECT id, created_at, json_build_array({values})::text FROM ({inner}) AS matching"  # noqa: S608
        rows = await self._fetch(sql, *values_of_query(query), *names)
        return [StoredFields(row[0], row[1], json.loads(row[2])) for row in rows]

    async def packed(self, span: Span, after: bytes, rows: int) -> tuple[bytes, bytes]:
        """By an index that has all of it."""
        values = (span.task, span.language, after, begin_of(span.until), rows)
        [(joined, last)] = await self._fetch(PACKED, *values)
        return joined or b"", last or after

    async def unpacked(self, span: Span, after: Place | None, rows: int) -> tuple[ComparedPage, Place | None]:
        """By an index that has only these."""
        place = (span.since, "") if after is None else after
        values = (span.task, span.language, place[0], span.until, *place, rows)
        found = await self._fetch(BODIES, *values)
        page = page_of((created_at, body) for created_at, _, body in found)
        return page, (found[-1][0], found[-1][1]) if len(found) == rows else None

    async def stored(self, span: Span, rows: Collection[bytes]) -> dict[bytes, Stored]:
        """By time."""
        times = sorted({time_of(row) for row in rows})
        stored = dict(stored_of(*one) for one in await self._fetch(STORED, span.task, span.language, times))
        return {row: stored[row] for row in rows if row in stored}

    async def feedback_for(self, record_id: str) -> list[Feedback]:
        """Oldest first."""
        sql = "SELECT created_at, body FROM feedback WHERE prediction_id = $1 ORDER BY created_at"
        return [feedback_of(*row) for row in await self._fetch(sql, record_id)]

    async def newest_feedback(self, task: str) -> list[tuple[Record, Feedback]]:
        """One row a record."""
        rows = await self._fetch(NEWEST_FEEDBACK, task)
        return [(record_of(row[0], row[1]), feedback_of(row[2], row[3])) for row in rows]

    async def purge(self, older_than: datetime, rows: int) -> AsyncIterator[int]:
        """Feedback goes with its record (ON DELETE CASCADE)."""
        since: datetime | None = None
        while True:
            [(deleted, since)] = await self._fetch(PURGE, since, older_than, rows, seconds=_PURGE_SECONDS)
            if not deleted:
                return
            yield deleted

    async def fetch(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        """Rows of a portable statement (`store.portable`)."""
        return [tuple(row) for row in await self._fetch(postgres_form(sql), *values)]

    async def change(self, statements: Sequence[Statement]) -> list[list[tuple[object, ...]]]:
        """All or none, each seeing the ones before it."""
        if self._pool is None:
            raise StoreUnavailable("Postgres: not connected.")
        results = []
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                for sql, values in statements:
                    rows = await connection.fetch(postgres_form(sql), *values)
                    results.append([tuple(row) for row in rows])
        except UNAVAILABLE as error:
            raise unavailable(error) from error
        return results

    async def ping(self) -> None:
        """Read one value."""
        await self._fetch("SELECT 1")

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None
        await self._commits.stop()  # what still waits fails now, and goes to the spool

    async def _commit(self, appends: Sequence[Append]) -> Results:
        """By COPY, which writes all of the rows or, where an id exists, none of them: then the rows that are new."""
        records: Sequence[Record] = [record for append in appends for record in append]
        results: Results = [None] * len(appends)
        for last in (*[False] * _COPY_REPETITIONS, True):
            try:
                await self._copy(records)
            except asyncpg.UniqueViolationError as error:
                if last:
                    raise unavailable(error) from error
                records, results = new_records(appends, await self._stored(appends))
            else:
                break
        return results

    async def _copy(self, records: Sequence[Record]) -> None:
        """For less than an INSERT. Raises UniqueViolationError where an id exists, as after a replay of the spool."""
        if self._pool is None:
            raise StoreUnavailable("Postgres: not connected.")
        if not records:
            return
        rows = [row_of(record, record.created_at) for record in records]
        try:
            await self._pool.copy_records_to_table("record", records=rows, columns=RECORD_COLUMNS)
        except asyncpg.UniqueViolationError:
            raise
        except UNAVAILABLE as error:
            raise unavailable(error) from error

    async def _stored(self, appends: Sequence[Append]) -> dict[str, Record]:
        """The stored records that have the ids of appends."""
        ids = list({record.id for append in appends for record in append})
        records = [record_of(*row) for row in await self._fetch(BY_IDS, ids)]
        return {record.id: record for record in records}

    async def _fetch(self, sql: str, *values: object, seconds: float | None = None) -> list[Any]:
        """The rows, within so many seconds or the limit of the pool."""
        if self._pool is None:
            raise StoreUnavailable("Postgres: not connected.")
        try:
            return list(await self._pool.fetch(sql, *values, timeout=seconds))
        except UNAVAILABLE as error:
            raise unavailable(error) from error


def _is_of_a_row(error: Exception) -> bool:
    """Whether one row may be the cause. Without a server, trying each alone would take a timeout each."""
    return isinstance(error, RowRejected) or not isinstance(error, StoreUnavailable)
