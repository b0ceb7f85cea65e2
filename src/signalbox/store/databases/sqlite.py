"""SQLite in WAL mode, with one writer that commits all waiting rows at once.

`synchronous=FULL`: an acknowledged record is on disk, so it survives a killed process and a power cut.
Group commit pays for it (`databases.group_commit`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sqlite3
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from signalbox.contracts.record import Feedback, Record
from signalbox.store.backend import Query, StoredFields, StoreUnavailable
from signalbox.store.compared import (
    ComparedPage,
    Place,
    Span,
    Stored,
    begin_of,
    bodies_sql,
    packed_sql,
    page_of,
    stored_of,
    time_of,
)
from signalbox.store.databases.group_commit import Append, GroupCommit, Results, conflict
from signalbox.store.databases.sqlite_rows import (
    BY_ID,
    INSERT,
    INSERT_FEEDBACK,
    NEWEST_FEEDBACK,
    PURGE,
    ROWS_OF_STATEMENT,
    feedback_of,
    fields_of,
    insert_of,
    matching,
    record_of,
    row_of,
    time_text,
)
from signalbox.store.databases.sqlite_thread import SqliteThread, in_transaction
from signalbox.store.migrations import LEDGER, MIGRATIONS
from signalbox.store.portable import Statement, sqlite_form

_TIMES_AT_ONCE = 500
# Another process that waits for the lock of a file looks for it every 100 ms.
_PURGE_PAUSE_SECONDS = 0.1
# Bytes are joined as if they were a text, and are bytes again.
_PACKED = packed_sql("CAST(group_concat(packed, '') AS BLOB)", "max(packed)", ("?",) * 5)
_BODIES = bodies_sql("rowid", ("?",) * 7)


class SqliteBackend:
    """One connection that reads, one that writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader: SqliteThread | None = None
        self._writer: SqliteThread | None = None
        self._commits = GroupCommit(self._commit, is_own=lambda _: True)
        self._connecting = asyncio.Lock()

    async def connect(self) -> list[str]:
        """Open, set WAL, migrate, start the writer."""
        async with self._connecting:
            if self._commits.running:
                return []
            reader, writer = SqliteThread(self._path), SqliteThread(self._path)
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                await writer.open()
                migrated = await writer.write(_migrate)  # two processes may start at once
                await reader.open()
            except BaseException as error:  # also a cancellation
                await reader.close()
                await writer.close()
                if isinstance(error, OSError | sqlite3.Error):
                    raise StoreUnavailable(f"{self._path}: {error}.") from error
                raise
            self._reader, self._writer = reader, writer
            self._commits.start()
            return migrated

    async def append(self, records: Sequence[Record]) -> None:
        """Queue for the next commit and wait until it is durable."""
        await self._commits.append(records)

    async def add_feedback(self, feedback: Feedback) -> bool:
        """One row; False when the record does not exist."""
        record_id, body = feedback.prediction_id, feedback.model_dump_json()
        values = (feedback.id, time_text(feedback.created_at), feedback.label, body, record_id, record_id)
        await self._open_writer().write(lambda connection: connection.execute(INSERT_FEEDBACK, values))
        return bool(await self._rows("SELECT 1 FROM feedback WHERE id = ?", (feedback.id,)))

    async def get(self, record_id: str) -> Record | None:
        """One record."""
        rows = await self._rows(BY_ID, (record_id,))
        return record_of(*rows[0]) if rows else None

    async def records(self, query: Query) -> list[Record]:
        """Records that match."""
        clauses, values = matching(query)
        rows = await self._rows(f"SELECT created_at, body FROM record {clauses}", values)  # noqa: S608
        return [record_of(*row) for row in rows]

    async def fields(self, names: Sequence[str], query: Query) -> list[StoredFields]:
        """SQLite parses a body once for all of its paths."""
        clauses, values = matching(query)
        paths = ", ".join("?" for _ in names)
        # With the id in front there are always two paths, and several paths give an array.
        sql = f"SELECT created_at, json_extract(body, '$.id', {paths}) FROM record {clauses}"  # noqa: S608
        rows = await self._rows(sql, (*(f"$.{name}" for name in names), *values))
        return [fields_of(time, json.loads(row)) for time, row in rows]

    async def packed(self, span: Span, after: bytes, rows: int) -> tuple[bytes, bytes]:
        """By an index that has all of it."""
        values = (span.task, span.language, after, begin_of(span.until), rows)
        [(joined, last)] = await self._rows(_PACKED, values)
        return joined or b"", last or after

    async def unpacked(self, span: Span, after: Place | None, rows: int) -> tuple[ComparedPage, Place | None]:
        """By an index that has only these."""
        since = time_text(span.since)
        place = (since, -1) if after is None else after
        # The index is entered at the place: from the begin of the span, each page would pass all rows before it.
        values = (span.task, span.language, place[0], time_text(span.until), *place, rows)
        found = await self._rows(_BODIES, values)
        page = page_of((datetime.fromisoformat(time), body) for time, _, body in found)
        return page, (found[-1][0], found[-1][1]) if len(found) == rows else None

    async def stored(self, span: Span, rows: Collection[bytes]) -> dict[bytes, Stored]:
        """By time, in parts: SQLite limits the parameters of a statement."""
        times = sorted({time_text(time_of(row)) for row in rows})
        stored = {}
        for first in range(0, len(times), _TIMES_AT_ONCE):
            part = times[first : first + _TIMES_AT_ONCE]
            marks = ", ".join("?" for _ in part)
            sql = f"SELECT created_at, body FROM record WHERE task = ? AND language = ? AND created_at IN ({marks})"  # noqa: S608
            for time, body in await self._rows(sql, (span.task, span.language, *part)):
                row, one = stored_of(datetime.fromisoformat(time), body)
                stored[row] = one
        return {row: stored[row] for row in rows if row in stored}

    async def feedback_for(self, record_id: str) -> list[Feedback]:
        """Oldest first."""
        sql = "SELECT created_at, body FROM feedback WHERE prediction_id = ? ORDER BY created_at, rowid"
        return [feedback_of(*row) for row in await self._rows(sql, (record_id,))]

    async def newest_feedback(self, task: str) -> list[tuple[Record, Feedback]]:
        """Later rows overwrite earlier ones of the same record."""
        newest: dict[str, tuple[Record, Feedback]] = {}
        for row in await self._rows(NEWEST_FEEDBACK, (task,)):
            record = record_of(*row[:2])
            newest[record.id] = (record, feedback_of(*row[2:]))
        return list(newest.values())

    async def purge(self, older_than: datetime, rows: int) -> AsyncIterator[int]:
        """Feedback goes with its record (ON DELETE CASCADE)."""
        values = (time_text(older_than), rows)
        while True:
            deleted = await self._open_writer().write(lambda one: one.execute(PURGE, values).rowcount)
            if deleted:
                yield deleted
            if deleted < rows:
                return
            await asyncio.sleep(_PURGE_PAUSE_SECONDS)

    async def fetch(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        """Rows of a portable statement (`store.portable`)."""
        return [tuple(row) for row in await self._rows(sqlite_form(sql), values)]

    async def change(self, statements: Sequence[Statement]) -> list[list[tuple[object, ...]]]:
        """All or none, each seeing the ones before it."""
        forms = [(sqlite_form(sql), tuple(values)) for sql, values in statements]

        def work(connection: sqlite3.Connection) -> list[list[tuple[object, ...]]]:
            return [connection.execute(sql, values).fetchall() for sql, values in forms]

        return await self._open_writer().write(work)

    async def ping(self) -> None:
        """Read one value."""
        await self._rows("SELECT 1", ())

    async def close(self) -> None:
        """Write the waiting rows, then close."""
        await self._commits.stop()
        for connection in (self._reader, self._writer):
            if connection is not None:
                await connection.close()

    async def _commit(self, appends: Sequence[Append]) -> Results:
        """One transaction. Raises for any of them, and writes nothing then."""
        records = [record for append in appends for record in append]
        rows = [row_of(record) for record in records]
        await self._open_writer().run(lambda connection: _insert(connection, rows, records))
        return [None] * len(appends)

    async def _rows(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        if self._reader is None:
            raise StoreUnavailable("SQLite: not connected.")
        try:
            return await self._reader.run(
                lambda connection: connection.execute(sql, tuple(values)).fetchall()
            )
        except ValueError as error:
            raise StoreUnavailable(f"SQLite: {error}.") from error

    def _open_writer(self) -> SqliteThread:
        if self._writer is None:
            raise StoreUnavailable("SQLite: not connected.")
        return self._writer


def _migrate(connection: sqlite3.Connection) -> list[str]:
    connection.execute(LEDGER)
    applied = {name for (name,) in connection.execute("SELECT name FROM migration").fetchall()}
    missing = [migration for migration in MIGRATIONS if migration.name not in applied]
    for migration in missing:
        for statement in migration.sqlite:
            connection.execute(statement)
        connection.execute("INSERT INTO migration VALUES (?)", (migration.name,))
    return [migration.name for migration in missing]


def _insert(
    connection: sqlite3.Connection, rows: Sequence[tuple[object, ...]], records: Sequence[Record]
) -> None:
    """Rows that are durable, all or none. Raises InputError for an id that another record has."""
    if 0 < len(rows) <= ROWS_OF_STATEMENT:
        # An id exists: seldom, as after a spool was replayed.
        with contextlib.suppress(sqlite3.IntegrityError):
            connection.execute(insert_of(len(rows)), tuple(itertools.chain.from_iterable(rows)))
            return

    def work(connection: sqlite3.Connection) -> None:
        if connection.executemany(INSERT, rows).rowcount != len(rows):
            _check_equal(connection, records)

    in_transaction(connection, work)


def _check_equal(connection: sqlite3.Connection, records: Sequence[Record]) -> None:
    for record in records:
        [row] = connection.execute(BY_ID, (record.id,)).fetchall()
        # Compared as records: the row may be of an earlier version.
        if record_of(*row) != record:
            raise conflict(record)
