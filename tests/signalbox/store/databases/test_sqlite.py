"""Transactions of SQLite in their thread."""

import asyncio
import sqlite3
import threading

import pytest

from signalbox.errors import InputError
from signalbox.store import StoreUnavailable
from signalbox.store.databases.sqlite import SqliteBackend
from signalbox.store.databases.sqlite_rows import ROWS_OF_STATEMENT
from signalbox.store.databases.sqlite_thread import SqliteThread
from tests.helpers import record


@pytest.fixture
async def thread(tmp_path):
    connection = SqliteThread(tmp_path / "records.db")
    await connection.open()
    await connection.write(lambda one: one.execute("CREATE TABLE number (value INTEGER UNIQUE)"))
    yield connection
    await connection.close()


def insert(value):
    return lambda connection: connection.execute("INSERT INTO number VALUES (?)", (value,))


async def numbers(thread):
    rows = await thread.run(lambda connection: connection.execute("SELECT value FROM number").fetchall())
    return [value for (value,) in rows]


async def test_a_transaction_that_raises_leaves_nothing(thread):
    def work(connection):
        insert(1)(connection)
        insert(1)(connection)

    with pytest.raises(StoreUnavailable, match="UNIQUE"):
        await thread.write(work)
    await thread.write(insert(2))
    assert await numbers(thread) == [2]


async def test_a_transaction_ends_whole_though_its_caller_leaves(thread):
    begun, may_end = threading.Event(), threading.Event()

    def work(connection):
        insert(1)(connection)
        begun.set()
        may_end.wait(5)
        insert(2)(connection)

    caller = asyncio.create_task(thread.write(work))
    await asyncio.to_thread(begun.wait, 5)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    may_end.set()
    assert await numbers(thread) == [1, 2]


async def test_after_closing_it_is_unavailable(thread):
    await thread.close()
    with pytest.raises(StoreUnavailable, match="not connected"):
        await numbers(thread)


@pytest.fixture
async def backend(tmp_path):
    one = SqliteBackend(tmp_path / "records.db")
    await one.connect()
    yield one
    await one.close()


def stored(backend):
    with sqlite3.connect(backend._path) as connection:
        return connection.execute("SELECT count(*) FROM record").fetchone()[0]


@pytest.mark.parametrize("count", [1, ROWS_OF_STATEMENT, ROWS_OF_STATEMENT + 1])
async def test_an_append_is_all_or_nothing_at_any_size(backend, count):
    rows = [record() for _ in range(count)]
    await backend.append(rows)
    other = rows[-1].model_copy(update={"justification": "Another."})
    with pytest.raises(InputError):
        await backend.append([*(record() for _ in range(count - 1)), other])
    assert stored(backend) == count


async def test_appends_of_one_moment_share_a_commit(backend):
    commits = []
    write = backend._commits._commit

    async def counted(appends):
        commits.append(len(appends))
        return await write(appends)

    backend._commits._commit = counted
    await asyncio.gather(*(backend.append([record()]) for _ in range(16)))
    assert commits == [16]
    assert stored(backend) == 16
