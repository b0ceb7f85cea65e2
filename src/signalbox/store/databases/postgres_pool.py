"""The pool of connections to Postgres, its schema, and what Postgres raises as errors of the store."""

from __future__ import annotations

import ssl
from typing import Any

import asyncpg

from signalbox.errors import InputError
from signalbox.store.backend import RowRejected, StoreUnavailable, StoreUnreachable
from signalbox.store.migrations import LEDGER, MIGRATIONS, Migration

_MIGRATION_LOCK = 7_421_001  # any constant, the same in all processes of Signalbox
_CONNECT_SECONDS = 3.0
_TIMEOUT_SECONDS = 10.0
_MIGRATION_SECONDS = 3600.0  # of a statement: an index of ten million rows takes minutes
# A connection to a standby would stay after the failover, and each write would fail.
_READ_ONLY = "SELECT current_setting('transaction_read_only') = 'on'"
_HAS_LEDGER = "SELECT to_regclass('migration') IS NOT NULL"
# What it raises when there is no server, or one that starts or has no free connection.
_UNREACHABLE = (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError)
# What it raises for the values of a row: a character that the encoding of the database lacks, a constraint, a key that is too long.
_OF_A_ROW = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)
# What asyncpg raises when the server is down, restarts or rejects; InterfaceError: a pool being closed.
UNAVAILABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


async def open_pool(url: str) -> tuple[asyncpg.Pool[Any], list[str]]:
    """A small pool over a schema that is migrated under an advisory lock, and the names of new migrations.

    Every statement has a time limit. Raises InputError and StoreUnavailable.
    """
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=8,
            timeout=_CONNECT_SECONDS,
            command_timeout=_TIMEOUT_SECONDS,
            reset=_keep,
        )
        try:
            async with pool.acquire() as connection:
                return pool, await _migrate(connection)
        except BaseException:  # also a cancellation; asyncpg would keep the connection for five minutes
            pool.terminate()
            raise
    except ssl.SSLError as error:  # one of a wrong certificate is a ValueError as well
        hint = "Is PGSSLROOTCERT the file of the CA, and is the host of the URL in the certificate?"
        raise StoreUnavailable(f"Postgres: {error}.", hint=hint) from error
    except (ValueError, OverflowError):
        # Not chained: the cause quotes the unreadable part of the URL, which may be a password.
        hint = "Percent-encode special characters of user and password: postgresql://USER:PASSWORD@HOST:PORT/DB. "
        hint += "With sslmode=verify-full, set PGSSLROOTCERT to the file of the CA."
        raise InputError("database_url", "postgresql://…", hint) from None
    except UNAVAILABLE as error:
        raise unavailable(error) from error


def unavailable(error: Exception) -> StoreUnavailable:
    """The error of the store for one of UNAVAILABLE."""
    problem = str(error).partition("\nDETAIL:")[0].rstrip(".")  # the detail quotes the row
    text = f"Postgres: {type(error).__name__}{': ' if problem else ''}{problem}."
    if isinstance(error, TimeoutError) and not problem:  # one of asyncpg has no text
        hint = "Is the database overloaded, or does a statement wait for a lock? Does a firewall drop the connection?"
        return StoreUnreachable("Postgres: no answer within the time limit.", hint=hint)
    if _is_of_a_row(error):
        hint = "Does the database have the encoding UTF8, and no constraints of its own that reject the row?"
        return RowRejected(text, hint=hint)
    kind = StoreUnreachable if isinstance(error, _UNREACHABLE) else StoreUnavailable
    return kind(text, hint="Is the database running, and does it accept the user of SIGNALBOX_DATABASE_URL?")


def _is_of_a_row(error: Exception) -> bool:
    """Also an InterfaceError that is a ValueError: of a value that asyncpg could not encode."""
    return isinstance(error, _OF_A_ROW) or (
        isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
    )


async def _migrate(connection: Any) -> list[str]:  # noqa: ANN401 - asyncpg is untyped
    """Without a statement that changes the schema where it is current: it would need a right, and wait for the lock."""
    if await connection.fetchval(_READ_ONLY):
        hint = "Is it a standby? SIGNALBOX_DATABASE_URL must lead to the primary."
        raise StoreUnreachable("Postgres: the server accepts no writes.", hint=hint)
    if await connection.fetchval(_HAS_LEDGER) and not await _missing(connection):
        return []
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
        await connection.execute(LEDGER)
        missing = await _missing(connection)  # another process may have had the lock
        for migration in missing:
            for statement in migration.postgres:
                await connection.execute(statement, timeout=_MIGRATION_SECONDS)
            await connection.execute("INSERT INTO migration VALUES ($1)", migration.name)
    return [migration.name for migration in missing]


async def _missing(connection: Any) -> list[Migration]:  # noqa: ANN401
    applied = {row["name"] for row in await connection.fetch("SELECT name FROM migration")}
    return [migration for migration in MIGRATIONS if migration.name not in applied]


async def _keep(connection: object) -> None:
    """Nothing is to be reset in a connection: no statement changes its session, and a reset would be a round trip each."""
