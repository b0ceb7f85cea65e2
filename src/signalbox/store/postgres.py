"""Postgres through asyncpg."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from signalbox.contracts.record import Feedback, Record
from signalbox.errors import InputError
from signalbox.store.backend import Query, StoredFields, StoreUnavailable
from signalbox.store.migrations import LEDGER, MIGRATIONS
from signalbox.store.portable import Statement, postgres_form
from signalbox.store.rows import parse_row

_COLUMNS = "id, created_at, source, task, language, route, release_key, light, verdict, score, body"
_INSERT = f"""INSERT INTO record ({_COLUMNS})
SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
$8::text[], $9::text[], $10::float8[], $11::text[]) ON CONFLICT (id) DO NOTHING RETURNING id"""  # noqa: S608
_INSERT_FEEDBACK = """INSERT INTO feedback (id, created_at, label, body, prediction_id)
SELECT $1, $2, $3, $4, $5 WHERE EXISTS (SELECT 1 FROM record WHERE id = $5) ON CONFLICT (id) DO NOTHING"""
_NEWEST_FEEDBACK = """SELECT DISTINCT ON (record.id) record.created_at, record.body, feedback.created_at,
feedback.body FROM record JOIN feedback ON feedback.prediction_id = record.id WHERE record.task = $1
ORDER BY record.id, feedback.created_at DESC"""
_BY_ID = "SELECT created_at, body FROM record WHERE id = $1"
_MIGRATION_LOCK = 7_421_001  # any constant, the same in all processes of Signalbox
_CONNECT_SECONDS = 3.0
_TIMEOUT_SECONDS = 10.0
# What asyncpg raises when the server is down, restarts or rejects; InterfaceError: a pool being closed.
_UNAVAILABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class PostgresBackend:
    """A small pool; every statement has a time limit."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[Any] | None = None
        self._connecting = asyncio.Lock()

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
            return migrated

    async def append(self, records: Sequence[Record]) -> None:
        """One statement, so all or none."""
        columns = [list(column) for column in zip(*map(_row, records), strict=True)]
        if not columns:
            return
        inserted = {row["id"] for row in await self._fetch(_INSERT, *columns)}
        for record in records:
            if record.id not in inserted:
                await self._check_equal(record)

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

    async def texts(self, ids: Sequence[str]) -> dict[str, str]:
        """Input texts by id."""
        sql = "SELECT id, body::json ->> 'input_text' FROM record WHERE id = ANY($1::text[])"
        return {row[0]: row[1] for row in await self._fetch(sql, list(ids)) if row[1] is not None}

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
                await connection.execute(statement)
            await connection.execute("INSERT INTO migration VALUES ($1)", migration.name)
        return [migration.name for migration in missing]


def _matching(columns: str, query: Query) -> str:
    order = "DESC" if query.newest_first else "ASC"
    return f"""SELECT {columns} FROM record WHERE ($1::text IS NULL OR task = $1)
        AND ($2::text IS NULL OR language = $2) AND ($3::text IS NULL OR source = $3)
        AND ($4::timestamptz IS NULL OR created_at >= $4)
        ORDER BY created_at {order}, id {order} LIMIT $5"""  # noqa: S608


def _values(query: Query) -> tuple[object, ...]:
    return query.task, query.language, query.source, query.since, query.limit


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(
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
    )
