"""SQLite in WAL mode, with one writer that commits all waiting rows at once.

`synchronous=FULL`: an acknowledged record is on disk, so it survives a killed process and a power cut.
Group commit pays for it (`databases.group_commit`).
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

import aiosqlite

from signalbox.contracts.record import Feedback, Record
from signalbox.errors import InputError
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
from signalbox.store.databases.group_commit import Append, GroupCommit, Results
from signalbox.store.databases.sqlite_rows import (
    BY_ID,
    INSERT,
    INSERT_FEEDBACK,
    NEWEST_FEEDBACK,
    feedback_of,
    fields_of,
    matching,
    record_of,
    row_of,
    time_text,
)
from signalbox.store.migrations import LEDGER, MIGRATIONS
from signalbox.store.portable import Statement, sqlite_form

_TIMES_AT_ONCE = 500
# Bytes are joined as if they were a text, and are bytes again.
_PACKED = packed_sql("CAST(group_concat(packed, '') AS BLOB)", "max(packed)", ("?",) * 5)
_BODIES = bodies_sql("rowid", ("?",) * 7)


class SqliteBackend:
    """One connection that reads, one that writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader: aiosqlite.Connection | None = None
        self._writer: aiosqlite.Connection | None = None
        self._commits = GroupCommit(self._commit, is_own=lambda _: True)
        self._connecting = asyncio.Lock()
        self._writing = asyncio.Lock()

    async def connect(self) -> list[str]:
        """Open, set WAL, migrate, start the writer."""
        async with self._connecting:
            if self._commits.running:
                return []
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._writer = await self._open()
                migrated = await self._migrate(self._writer)
                self._reader = await self._open()
            except (OSError, sqlite3.Error) as error:
                if self._writer is not None:
                    await self._writer.close()
                    self._writer = None
                raise StoreUnavailable(f"{self._path}: {error}.") from error
            self._commits.start()
            return migrated

    async def append(self, records: Sequence[Record]) -> None:
        """Queue for the next commit and wait until it is durable."""
        await self._commits.append(records)

    async def add_feedback(self, feedback: Feedback) -> bool:
        """One row; False when the record does not exist."""
        writer = self._open_writer()
        values = (feedback.id, time_text(feedback.created_at), feedback.label, feedback.model_dump_json())
        try:
            async with self._writing:
                await writer.execute(
                    INSERT_FEEDBACK, (*values, feedback.prediction_id, feedback.prediction_id)
                )
                await writer.commit()
            rows = await self._rows("SELECT 1 FROM feedback WHERE id = ?", (feedback.id,))
        except sqlite3.Error as error:
            raise StoreUnavailable(f"SQLite: {error}.") from error
        return bool(rows)

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

    async def purge(self, older_than: datetime) -> int:
        """Feedback goes with its record (ON DELETE CASCADE)."""
        writer = self._open_writer()
        try:
            async with self._writing:
                cursor = await writer.execute(
                    "DELETE FROM record WHERE created_at < ?", (time_text(older_than),)
                )
                await writer.commit()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"SQLite: {error}.") from error
        return cursor.rowcount

    async def fetch(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        """Rows of a portable statement (`store.portable`)."""
        return [tuple(row) for row in await self._rows(sqlite_form(sql), values)]

    async def change(self, statements: Sequence[Statement]) -> list[list[tuple[object, ...]]]:
        """All or none, each seeing the ones before it."""
        writer = self._open_writer()
        results = []
        async with self._writing:
            try:
                await writer.execute("BEGIN IMMEDIATE")  # another process may write, too
                for sql, values in statements:
                    rows = await writer.execute_fetchall(sqlite_form(sql), tuple(values))
                    results.append([tuple(row) for row in rows])
                await writer.commit()
            except BaseException as error:
                await writer.rollback()
                if isinstance(error, sqlite3.Error):
                    raise StoreUnavailable(f"SQLite: {error}.") from error
                raise
        return results

    async def ping(self) -> None:
        """Read one value."""
        await self._rows("SELECT 1", ())

    async def close(self) -> None:
        """Write the waiting rows, then close."""
        await self._commits.stop()
        for connection in (self._reader, self._writer):
            if connection is not None:
                await connection.close()

    async def _open(self) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(self._path, timeout=30)
        try:
            # secure_delete: what retention deletes is overwritten, not left in free pages.
            for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
                await connection.execute_fetchall(f"PRAGMA {pragma}")
            await self._use_wal(connection)
        except BaseException:
            await connection.close()
            raise
        return connection

    @staticmethod
    async def _use_wal(connection: aiosqlite.Connection) -> None:
        """Switching to WAL ignores the busy timeout, so another process's switch is waited for here."""
        for last in (*[False] * 50, True):
            try:
                # Fetched: a pragma whose row is not fetched stays open, with a snapshot that soon is stale.
                await connection.execute_fetchall("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                await asyncio.sleep(0.1)
            else:
                return

    async def _migrate(self, connection: aiosqlite.Connection) -> list[str]:
        await connection.execute("BEGIN IMMEDIATE")  # two processes may start at once
        try:
            await connection.execute(LEDGER)
            applied = {name for (name,) in await connection.execute_fetchall("SELECT name FROM migration")}
            missing = [migration for migration in MIGRATIONS if migration.name not in applied]
            for migration in missing:
                for statement in migration.sqlite:
                    await connection.execute(statement)
                await connection.execute("INSERT INTO migration VALUES (?)", (migration.name,))
        except BaseException:
            await connection.rollback()
            raise
        await connection.commit()
        return [migration.name for migration in missing]

    async def _commit(self, appends: Sequence[Append]) -> Results:
        """One transaction. Raises for any of them, and writes nothing then."""
        records = [record for append in appends for record in append]
        writer = self._open_writer()
        async with self._writing:
            try:
                cursor = await writer.executemany(INSERT, [row_of(record) for record in records])
                if cursor.rowcount != len(records):
                    await self._check_equal(writer, records)
                await writer.commit()
            except BaseException as error:
                await writer.rollback()
                if isinstance(error, sqlite3.Error):
                    raise StoreUnavailable(f"SQLite: {error}.") from error
                raise
        return [None] * len(appends)

    @staticmethod
    async def _check_equal(writer: aiosqlite.Connection, records: list[Record]) -> None:
        for record in records:
            rows = list(await writer.execute_fetchall(BY_ID, (record.id,)))
            # Compared as records: the row may be of an earlier version.
            if record_of(*rows[0]) != record:
                raise InputError("id", record.id, "Another record has this id; records are append-only.")

    async def _rows(self, sql: str, values: Sequence[object]) -> list[sqlite3.Row]:
        if self._reader is None:
            raise StoreUnavailable("SQLite: not connected.")
        try:
            return list(await self._reader.execute_fetchall(sql, tuple(values)))
        except (sqlite3.Error, ValueError) as error:
            raise StoreUnavailable(f"SQLite: {error}.") from error

    def _open_writer(self) -> aiosqlite.Connection:
        if self._writer is None:
            raise StoreUnavailable("SQLite: not connected.")
        return self._writer
