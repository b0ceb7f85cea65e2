"""Old records are deleted in parts, on both databases."""

import sqlite3
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from signalbox.contracts.record import Feedback
from signalbox.store import StoreUnavailable, _backend, base, migrate, open_store
from signalbox.store.databases.postgres import PostgresBackend
from signalbox.store.databases.postgres_rows import PURGE
from tests.helpers import record

NOW = datetime(2021, 1, 1, tzinfo=UTC)


def old_records(count):
    return [record(created_at=NOW - timedelta(days=count - number)) for number in range(count)]


async def test_purge_deletes_the_feedback_too(url: str) -> None:
    old = record(created_at=datetime(2020, 1, 1, tzinfo=UTC))
    new = record()
    async with open_store(url) as store:
        await store.append_many([old, new])
        await store.add_feedback(Feedback(prediction_id=old.id, label="yes"))
        assert await store.purge(datetime(2021, 1, 1, tzinfo=UTC)) == 1
        assert await store.records() == [new]
        assert await store.feedback_for(old.id) == []


async def test_old_records_are_deleted_in_parts_and_each_is_reported(url, monkeypatch):
    monkeypatch.setattr(base, "_PURGED_AT_ONCE", 2)
    totals, new = [], record(created_at=NOW)
    async with open_store(url) as store:
        await store.append_many([*old_records(5), new])
        assert await store.purge(NOW, totals.append) == 5
        assert await store.records() == [new]
        assert await store.purge(NOW, totals.append) == 0
    assert totals == [2, 4, 5]


async def test_records_of_one_moment_are_deleted_in_parts_too(url, monkeypatch):
    monkeypatch.setattr(base, "_PURGED_AT_ONCE", 2)
    moment = NOW - timedelta(days=1)
    async with open_store(url) as store:
        await store.append_many([record(created_at=moment) for _ in range(5)])
        assert await store.purge(NOW) == 5


async def test_another_process_appends_between_the_parts(url):
    purging, appending = _backend(url), _backend(url)
    await purging.connect()
    await appending.connect()
    await purging.append(old_records(3))
    new, parts = [record() for _ in range(3)], []
    async for count in purging.purge(NOW, 1):
        await appending.append([new[len(parts)]])
        parts.append(count)
    assert parts == [1, 1, 1]
    assert [await appending.get(one.id) for one in new] == new
    await purging.close()
    await appending.close()


KEEP_ONE = {
    "sqlite": "CREATE TRIGGER keep BEFORE DELETE ON record WHEN old.id = 'kept' BEGIN SELECT RAISE(ABORT, 'kept'); END",
    "postgresql": """CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'kept'; END $$;
CREATE TRIGGER keep BEFORE DELETE ON record FOR EACH ROW WHEN (old.id = 'kept') EXECUTE FUNCTION keep()""",
}


async def test_what_is_deleted_before_a_failure_stays_deleted(url, monkeypatch):
    """A backlog that takes longer than a statement may take would never become smaller otherwise."""
    monkeypatch.setattr(base, "_PURGED_AT_ONCE", 2)
    await migrate(url)
    await execute(url, KEEP_ONE[url.partition(":")[0]])
    rows = [*old_records(4), record(id="kept", created_at=NOW - timedelta(hours=1))]
    async with open_store(url) as store:
        await store.append_many(rows)
        with pytest.raises(StoreUnavailable, match="kept"):
            await store.purge(NOW)
        assert await store.records() == rows[4:]


async def execute(url, sql):
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.execute(sql)
        return
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


async def test_a_part_on_postgres_reads_only_its_rows(postgres):
    backend = PostgresBackend(postgres.create("purged"))
    await backend.connect()
    await backend._fetch(
        """INSERT INTO record (id, created_at, source, task, language, route, light, verdict, body)
        SELECT n, timestamptz '2020-01-01Z' + n * interval '1 minute', 'user', 'medical', 'de', 'encoder', 'red', 'no',
        repeat('x', 700) FROM generate_series(1, 20000) n"""
    )
    await backend._pool.execute("VACUUM ANALYZE record")
    for since in (None, NOW - timedelta(days=360)):
        plan = [row[0] for row in await backend._fetch(f"EXPLAIN {PURGE}", since, NOW, 100)]
        assert any("Tid Scan on record" in step for step in plan), plan
        assert any("Index Scan using record_by_time" in step for step in plan), plan
    await backend.close()
