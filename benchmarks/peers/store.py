"""Durable appends to the record store next to what its databases do when nothing is around them.

32 writers append one record each and wait until it is durable, so at most 32 records are in a commit. The bare drivers write
batches of 32: rows that exist already as tuples, into the same tables and indexes, one connection, one commit a batch. What
separates the store from them is to serialize the records, asyncio, and the group commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from benchmarks.peers.environments import Report
from benchmarks.peers.rounds import Figures, Size, median, ratios, spread
from signalbox.contracts.record import Record
from signalbox.store import Store, open_store
from signalbox.store.compared import RECORD_COLUMNS, row_of
from signalbox.store.databases import sqlite_rows
from tests.helpers import folder_on_disk, record, running_postgres

WRITERS = 32
_RECORDS = {True: 640, False: 6400}
_OURS = "signalbox, 32 writers"
_MARKS = ", ".join(f"${number}" for number in range(1, len(RECORD_COLUMNS) + 1))
_POSTGRES = f"INSERT INTO record ({', '.join(RECORD_COLUMNS)}) VALUES ({_MARKS})"
Write = Callable[[list[Record]], Awaitable[Figures]]


def run(size: Size, report: Report) -> list[dict[str, object]]:
    """A row for each database and way."""
    records = _RECORDS[size.quick]
    with folder_on_disk() as folder:
        rows = asyncio.run(_compare("SQLite", f"sqlite:///{folder / 'bench.db'}", size.rounds, records))
    with running_postgres() as server:
        rows += asyncio.run(_compare("Postgres", server.create("bench"), size.rounds, records))
    return rows


async def _compare(database: str, url: str, number: int, records: int) -> list[dict[str, object]]:
    async with open_store(url) as store, _drivers(url) as drivers:
        ways: dict[str, Write] = {_OURS: lambda batch: _through(store, batch), **drivers}
        for write in ways.values():
            await write(_new(WRITERS))  # SQLite's log gets its size, Postgres prepares its statements
        rounds = []
        for index in range(number):
            names = list(ways) if index % 2 == 0 else [*ways][::-1]
            rounds.append({name: await ways[name](_new(records)) for name in names})
    return [_row(database, name, rounds) for name in ways]


@asynccontextmanager
async def _drivers(url: str) -> AsyncIterator[dict[str, Write]]:
    """The bare drivers, with connections of their own to the tables of the store."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(Path(url.removeprefix("sqlite:///")), isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        try:
            yield {"bare driver, INSERT of 32": lambda batch: _sqlite(connection, batch)}
        finally:
            connection.close()
        return
    connection = await asyncpg.connect(url)
    try:
        yield {
            "bare driver, INSERT of 32": lambda batch: _postgres(connection, batch, _insert),
            "bare driver, COPY of 32": lambda batch: _postgres(connection, batch, _copy),
        }
    finally:
        await connection.close()


def _new(number: int) -> list[Record]:
    return [record() for _ in range(number)]


async def _through(store: Store, records: list[Record]) -> Figures:
    async def write(own: Sequence[Record]) -> None:
        for one in own:
            await store.append_many([one])

    started = _now()
    async with asyncio.TaskGroup() as group:
        for writer in range(WRITERS):
            group.create_task(write(records[writer::WRITERS]))
    return _figures(started, len(records))


async def _sqlite(connection: sqlite3.Connection, records: list[Record]) -> Figures:
    rows = [sqlite_rows.row_of(one) for one in records]
    started = _now()
    for first in range(0, len(rows), WRITERS):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(sqlite_rows.INSERT, rows[first : first + WRITERS])
        connection.execute("COMMIT")
    return _figures(started, len(rows))


async def _postgres(
    connection: asyncpg.Connection[asyncpg.Record],
    records: list[Record],
    write: Callable[..., Awaitable[object]],
) -> Figures:
    rows = [row_of(one, one.created_at) for one in records]
    started = _now()
    for first in range(0, len(rows), WRITERS):
        await write(connection, rows[first : first + WRITERS])
    return _figures(started, len(rows))


async def _insert(connection: asyncpg.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    await connection.executemany(_POSTGRES, rows)  # one transaction


async def _copy(connection: asyncpg.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    await connection.copy_records_to_table("record", records=rows, columns=RECORD_COLUMNS)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _figures(started: tuple[float, float], records: int) -> Figures:
    seconds, cpu_seconds = (now - then for now, then in zip(_now(), started, strict=True))
    return {"per_second": records / seconds, "cpu_us": 1e6 * cpu_seconds / records}


def _row(database: str, name: str, rounds: list[dict[str, Figures]]) -> dict[str, object]:
    return {
        "database": database,
        "way": name,
        "records/s": round(median(rounds, name, "per_second")),
        "CPU µs of the client": round(median(rounds, name, "cpu_us")),
        "Signalbox's records/s over its": ""
        if name == _OURS
        else spread(ratios(rounds, "per_second", _OURS, name)),
    }
