"""Postgres through asyncpg."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from signalbox.contracts.record import Feedback, Record
from signalbox.errors import InputError
from signalbox.store.backend import Query, StoredFields, StoreUnavailable, StoreUnreachable
from signalbox.store.compared import (
    VALUE_COLUMNS,
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
    values_of,
)
from signalbox.store.databases.group_commit import Append, GroupCommit, Results
from signalbox.store.migrations import LEDGER, MIGRATIONS
from signalbox.store.portable import Statement, postgres_form
from signalbox.store.rows import parse_row

_COLUMNS = "id, created_at, source, task, language, route, release_key, light, verdict, score, body"
_ALL_COLUMNS = (*_COLUMNS.split(", "), *VALUE_COLUMNS)
# An array a column: one statement, and one commit, for any number of rows.
_INSERT = f"""INSERT INTO record ({", ".join(_ALL_COLUMNS)})
SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
$9::text[], $10::float8[], $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::text[], $17::text[],
$18::bytea[])
ON CONFLICT (id) DO NOTHING RETURNING id"""  # noqa: S608
_MARKS = tuple(f"${number}" for number in range(1, 8))
_LAST = (
    "(SELECT packed FROM page ORDER BY packed DESC LIMIT 1)"  # there is no max() of bytes before Postgres 18
)
_PACKED = packed_sql("string_agg(packed, ''::bytea)", _LAST, _MARKS)
_BODIES = bodies_sql("id", _MARKS)
_STORED = "SELECT created_at, body FROM record WHERE task = $1 AND language = $2 AND created_at = ANY($3::timestamptz[])"
_INSERT_FEEDBACK = """INSERT INTO feedback (id, created_at, label, body, prediction_id)
SELECT $1, $2, $3, $4, $5 WHERE EXISTS (SELECT 1 FROM record WHERE id = $5) ON CONFLICT (id) DO NOTHING"""
_NEWEST_FEEDBACK = """SELECT DISTINCT ON (record.id) record.created_at, record.body, feedback.created_at,
feedback.body FROM record JOIN feedback ON feedback.prediction_id = record.id WHERE record.task = $1
ORDER BY record.id, feedback.created_at DESC"""
_BY_ID = "SELECT created_at, body FROM record WHERE id = $1"
_MIGRATION_LOCK = 7_421_001  # any constant, the same in all processes of Signalbox
_CONNECT_SECONDS = 3.0
_TIMEOUT_SECONDS = 10.0
_MIGRATION_SECONDS = 3600.0  # of a statement: an index of ten million rows takes minutes
# What it raises when there is no server, or one that starts or has no free connection.
_UNREACHABLE = (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError)
# What asyncpg raises when the server is down, restarts or rejects; InterfaceError: a pool being closed.
_UNAVAILABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


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
            try:
                pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=8,
                    timeout=_CONNECT_SECONDS,
                    command_timeout=_TIMEOUT_SECONDS,
                    reset=_keep,
                )
                async with pool.acquire() as connection, connection.transaction():
                    migrated = await self._migrate(connection)
            except ssl.SSLError as error:  # one of a wrong certificate is a ValueError as well
                hint = "Is PGSSLROOTCERT the file of the CA, and is the host of the URL in the certificate?"
                raise StoreUnavailable(f"Postgres: {error}.", hint=hint) from error
            except (ValueError, OverflowError):
                # Not chained: the cause quotes the unreadable part of the URL, which may be a password.
                hint = "Percent-encode special characters of user and password: postgresql://USER:PASSWORD@HOST:PORT/DB. "
                hint += "With sslmode=verify-full, set PGSSLROOTCERT to the file of the CA."
                raise InputError("database_url", "postgresql://…", hint) from None
            except _UNAVAILABLE as error:
                raise _unavailable(error) from error
            self._pool = pool
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
            _INSERT_FEEDBACK,
            feedback.id,
            feedback.created_at,
            feedback.label,
            feedback.model_dump_json(),
            feedback.prediction_id,
        )
        return bool(await self._fetch("SELECT 1 FROM feedback WHERE id = $1", feedback.id))

    async def get(self, record_id: str) -> Record | None:
        """One record."""
        rows = await self._fetch(_BY_ID, record_id)
        return _record(*rows[0]) if rows else None

    async def records(self, query: Query) -> list[Record]:
        """Records that match."""
        rows = await self._fetch(_matching("created_at, body", query), *_values(query))
        return [_record(*row) for row in rows]

    async def fields(self, names: Sequence[str], query: Query) -> list[StoredFields]:
        """The database parses each body once."""
        inner = _matching("id, created_at, body::json AS body", query)
        values = ", ".join(f"body -> ${number}::text" for number in range(6, 6 + len(names)))
        sql = f"SELECT id, created_at, json_build_array({values})::text FROM ({inner}) AS matching"  # noqa: S608
        rows = await self._fetch(sql, *_values(query), *names)
        return [StoredFields(row[0], row[1], json.loads(row[2])) for row in rows]

    async def packed(self, span: Span, after: bytes, rows: int) -> tuple[bytes, bytes]:
        """By an index that has all of it."""
        values = (span.task, span.language, after, begin_of(span.until), rows)
        [(joined, last)] = await self._fetch(_PACKED, *values)
        return joined or b"", last or after

    async def unpacked(self, span: Span, after: Place | None, rows: int) -> tuple[ComparedPage, Place | None]:
        """By an index that has only these."""
        place = (span.since, "") if after is None else after
        values = (span.task, span.language, place[0], span.until, *place, rows)
        found = await self._fetch(_BODIES, *values)
        page = page_of((created_at, body) for created_at, _, body in found)
        return page, (found[-1][0], found[-1][1]) if len(found) == rows else None

    async def stored(self, span: Span, rows: Collection[bytes]) -> dict[bytes, Stored]:
        """By time."""
        times = sorted({time_of(row) for row in rows})
        stored = dict(stored_of(*one) for one in await self._fetch(_STORED, span.task, span.language, times))
        return {row: stored[row] for row in rows if row in stored}

    async def feedback_for(self, record_id: str) -> list[Feedback]:
        """Oldest first."""
        sql = "SELECT created_at, body FROM feedback WHERE prediction_id = $1 ORDER BY created_at"
        return [_feedback(*row) for row in await self._fetch(sql, record_id)]

    async def newest_feedback(self, task: str) -> list[tuple[Record, Feedback]]:
        """One row a record."""
        rows = await self._fetch(_NEWEST_FEEDBACK, task)
        return [(_record(row[0], row[1]), _feedback(row[2], row[3])) for row in rows]

    async def purge(self, older_than: datetime) -> int:
        """Feedback goes with its record (ON DELETE CASCADE)."""
        return len(await self._fetch("DELETE FROM record WHERE created_at < $1 RETURNING 1", older_than))

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
        except _UNAVAILABLE as error:
            raise _unavailable(error) from error
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
        """One statement, so that a failure writes none of the rows."""
        rows = [_row(record) for append in appends for record in append]
        if await self._copied(rows):
            return [None] * len(appends)
        inserted = {row["id"] for row in await self._fetch(_INSERT, *map(list, zip(*rows, strict=True)))}
        counts = Counter(
            record.id for append in appends for record in append
        )  # two appends of one commit may have the same id
        unsure = {name for name, count in counts.items() if count > 1 or name not in inserted}
        return [await self._conflict(append, unsure) for append in appends]

    async def _copied(self, rows: Sequence[tuple[object, ...]]) -> bool:
        """Whether COPY wrote the rows, for less than an INSERT. Where an id exists, as after a replay of the spool, it writes none."""
        if self._pool is None:
            raise StoreUnavailable("Postgres: not connected.")
        try:
            await self._pool.copy_records_to_table("record", records=rows, columns=_ALL_COLUMNS)
        except asyncpg.UniqueViolationError:
            return False
        except _UNAVAILABLE as error:
            raise _unavailable(error) from error
        return True

    async def _conflict(self, append: Append, unsure: Collection[str]) -> InputError | None:
        """The error of an append with a record of which another one is stored."""
        try:
            for record in append:
                if record.id in unsure:
                    await self._check_equal(record)
        except InputError as error:
            return error
        return None

    async def _fetch(self, sql: str, *values: object) -> list[Any]:
        if self._pool is None:
            raise StoreUnavailable("Postgres: not connected.")
        try:
            return list(await self._pool.fetch(sql, *values))
        except _UNAVAILABLE as error:
            raise _unavailable(error) from error

    async def _check_equal(self, record: Record) -> None:
        rows = await self._fetch(_BY_ID, record.id)
        # Compared as records: the row may be of an earlier version.
        if rows and _record(*rows[0]) != record:
            raise InputError("id", record.id, "Another record has this id; records are append-only.")

    @staticmethod
    async def _migrate(connection: Any) -> list[str]:  # noqa: ANN401 - asyncpg is untyped
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
        await connection.execute(LEDGER)
        applied = {row["name"] for row in await connection.fetch("SELECT name FROM migration")}
        missing = [migration for migration in MIGRATIONS if migration.name not in applied]
        for migration in missing:
            for statement in migration.postgres:
                await connection.execute(statement, timeout=_MIGRATION_SECONDS)
            await connection.execute("INSERT INTO migration VALUES ($1)", migration.name)
        return [migration.name for migration in missing]


async def _keep(connection: object) -> None:
    """Nothing is to be reset in a connection: no statement changes its session, and a reset would be a round trip each."""


def _is_of_a_row(error: Exception) -> bool:
    """Whether one row may be the cause. Without a server, trying each alone would take a timeout each."""
    return isinstance(error.__cause__, asyncpg.DataError) or not isinstance(error, StoreUnavailable)


def _matching(columns: str, query: Query) -> str:
    order = "DESC" if query.newest_first else "ASC"
    return f"""SELECT {columns} FROM record WHERE ($1::text IS NULL OR task = $1)
        AND ($2::text IS NULL OR language = $2) AND ($3::text IS NULL OR source = $3)
        AND ($4::timestamptz IS NULL OR created_at >= $4)
        ORDER BY created_at {order}, id {order} LIMIT $5"""  # noqa: S608


def _values(query: Query) -> tuple[object, ...]:
    return query.task, query.language, query.source, query.since, query.limit


def _unavailable(error: Exception) -> StoreUnavailable:
    kind = StoreUnreachable if isinstance(error, _UNREACHABLE) else StoreUnavailable
    return kind(
        f"Postgres: {type(error).__name__}: {str(error).rstrip('.')}.",
        hint="Is the database running, and does it accept the user of SIGNALBOX_DATABASE_URL?",
    )


def _record(created_at: datetime, body: str) -> Record:
    return parse_row(Record, body, created_at)


def _feedback(created_at: datetime, body: str) -> Feedback:
    return parse_row(Feedback, body, created_at)


def _row(record: Record) -> tuple[object, ...]:
    return (
        record.id,
        record.created_at,
        record.source,
        record.task,
        record.language,
        record.route,
        record.release.key if record.release else None,
        record.light.value,
        record.verdict,
        record.score,
        record.model_dump_json(),
        *values_of(record),
    )
