"""Connections to Postgres, and statements that others wait for or make fail."""

import asyncio

import asyncpg
import pytest

from signalbox.errors import InputError
from signalbox.store import Query, StoreUnavailable, migrate, open_store
from signalbox.store.databases import postgres_pool
from signalbox.store.databases.postgres import PostgresBackend
from tests.helpers import record

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"
WAITING = f"{CONNECTIONS} AND wait_event_type = 'Lock'"


def of_role(url, role):
    return url.replace("signalbox@", f"{role}@")


async def reaches(connection, sql, database, number):
    """Waits: the server sees the end of a connection a moment later."""
    async with asyncio.timeout(30):
        while await connection.fetchval(sql, database) != number:
            await asyncio.sleep(0.05)


@pytest.fixture
async def admin(postgres):
    """A connection of the owner to another database, so that it is not counted."""
    connection = await asyncpg.connect(f"postgresql://signalbox@127.0.0.1:{postgres.port}/postgres")
    yield connection
    await connection.close()


async def test_a_role_without_rights_on_the_schema_starts_on_a_current_one(postgres, admin):
    url = postgres.create("rights")
    await migrate(url)
    await admin.execute("CREATE ROLE writer LOGIN")
    owner = await asyncpg.connect(url)
    await owner.execute("GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA public TO writer")
    await owner.close()
    one = record()
    async with open_store(of_role(url, "writer")) as store:
        await store.append(one)
        assert await store.get(one.id) == one


async def test_failed_connects_leave_no_connection(postgres, admin):
    url = postgres.create("refused")
    await admin.execute("CREATE ROLE stranger LOGIN")
    backend = PostgresBackend(of_role(url, "stranger"))
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="permission denied"):
            await backend.connect()
    await reaches(admin, CONNECTIONS, "refused", 0)


async def test_a_canceled_connect_leaves_no_connection(postgres, admin):
    url = postgres.create("locked")
    owner = await asyncpg.connect(url)
    async with owner.transaction():
        await owner.execute("CREATE TABLE migration (name TEXT PRIMARY KEY)")  # not committed: others wait
        connect = asyncio.create_task(PostgresBackend(url).connect())
        await reaches(admin, WAITING, "locked", 1)
        connect.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connect
    await owner.close()
    await reaches(admin, CONNECTIONS, "locked", 0)


async def test_a_record_that_another_process_stores_meanwhile_is_passed_over_or_rejected(
    postgres, monkeypatch
):
    url = postgres.create("raced")
    backend, other = PostgresBackend(url), PostgresBackend(url)
    await backend.connect()
    await other.connect()
    equal, stored, new = (record() for _ in range(3))
    different = stored.model_copy(update={"justification": "Another."})
    await backend.append([equal])
    read = backend._stored

    async def late(appends):
        rows = await read(appends)
        await other.append([stored])
        return rows

    monkeypatch.setattr(backend, "_stored", late)
    appends = [[equal], [stored, new], [different, record()]]
    results = await asyncio.gather(*map(backend.append, appends), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), type(None), InputError]
    assert {one.id for one in await other.records(Query())} == {equal.id, stored.id, new.id}
    await backend.close()
    await other.close()


async def test_a_server_that_accepts_no_writes_is_unavailable(postgres, admin):
    """As a standby during a failover: a connection to it would stay when the primary is back."""
    url = postgres.create("standby")
    await migrate(url)
    await admin.execute("ALTER DATABASE standby SET default_transaction_read_only = on")
    with pytest.raises(StoreUnavailable, match=r"Postgres: .*accepts no writes"):
        await open_store(url).open()
    await reaches(admin, CONNECTIONS, "standby", 0)


async def test_a_statement_that_waits_too_long_says_so(postgres, monkeypatch):
    url = postgres.create("waiting")
    await migrate(url)
    monkeypatch.setattr(postgres_pool, "_TIMEOUT_SECONDS", 0.2)
    owner = await asyncpg.connect(url)
    async with open_store(url) as store, owner.transaction():
        await owner.execute("LOCK TABLE record")
        with pytest.raises(
            StoreUnavailable, match=r"^Postgres: no answer within the time limit\. Is the database"
        ):
            await store.records()
    await owner.close()
