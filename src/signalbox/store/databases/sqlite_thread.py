"""A connection to SQLite in a thread of its own, because SQLite blocks.

Each call is one switch between threads. Under load, a thread that comes back from SQLite waits for Python's lock for up to
5 ms, so a transaction is one call, and an append of usual size one statement.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from signalbox.store.backend import RowRejected, StoreUnavailable

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]
_BUSY_SECONDS = 30.0
# secure_delete: what retention deletes is overwritten, not left in free pages.
_PRAGMAS = ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
_WAL_ATTEMPTS, _WAL_PAUSE_SECONDS = 50, 0.1


class SqliteThread:
    """Runs calls one after the other. Each raises StoreUnavailable for what SQLite raises, RowRejected for the values of a row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")

    async def open(self) -> None:
        """Connect, in WAL mode. Raises OSError and sqlite3.Error."""
        self._connection = await self._in_thread(lambda: _connected(self._path))

    async def run(self, work: Work[Result]) -> Result:
        """What `work` returns. Once begun, it runs to its end, even if the caller is canceled."""
        connection = self._connection
        if connection is None:
            raise StoreUnavailable("SQLite: not connected.")
        try:
            return await self._in_thread(lambda: work(connection))
        except (sqlite3.DataError, sqlite3.IntegrityError) as error:
            raise RowRejected(f"SQLite: {error}.") from error
        except sqlite3.Error as error:
            raise StoreUnavailable(f"SQLite: {error}.") from error

    async def write(self, work: Work[Result]) -> Result:
        """The same in one transaction: all of it is durable then, or nothing if it raises."""
        return await self.run(lambda connection: in_transaction(connection, work))

    async def close(self) -> None:
        """Close the connection after the calls that wait."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._in_thread(connection.close)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def in_transaction(connection: sqlite3.Connection, work: Work[Result]) -> Result:
    """What `work` returns, committed; rolled back if it raises."""
    connection.execute("BEGIN IMMEDIATE")  # another process may write, too
    try:
        result = work(connection)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return result


def _connected(path: Path) -> sqlite3.Connection:
    # Without an isolation level, a statement outside of a transaction is one by itself.
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        _use_wal(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switching to WAL ignores the busy timeout, so another process's switch is waited for here."""
    for last in (*[False] * _WAL_ATTEMPTS, True):
        try:
            # Fetched: a pragma whose row is not fetched stays open, with a snapshot that soon is stale.
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
        except sqlite3.OperationalError as error:
            if last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(_WAL_PAUSE_SECONDS)
        else:
            return
