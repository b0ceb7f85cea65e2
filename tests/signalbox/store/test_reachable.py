"""A database that is away at first: whom it makes wait, how long, and for which failures."""

import asyncio
import time

import pytest

from signalbox.store import StoreUnavailable, migrate, open_store
from signalbox.store.backend import StoreUnreachable
from signalbox.store.migrations import MIGRATIONS
from tests.helpers import Postgres, free_port, record

LONG_SECONDS = 600.0


async def start_soon(server: Postgres) -> None:
    await asyncio.sleep(1.5)
    await asyncio.to_thread(server.start)


async def test_a_migration_waits_for_a_server_that_starts_later(postgres: Postgres, caplog) -> None:
    url = postgres.create("starts_later")
    postgres.stop()
    names, _ = await asyncio.gather(migrate(url, LONG_SECONDS), start_soon(postgres))
    assert names == [one.name for one in MIGRATIONS]
    assert "cannot be reached, retrying for" in caplog.text


async def test_a_job_waits_for_a_server_that_starts_later(postgres: Postgres) -> None:
    url = postgres.create("opened_later")
    postgres.stop()
    store, _ = await asyncio.gather(open_store(url, wait_seconds=LONG_SECONDS).open(), start_soon(postgres))
    await store.append(record())
    assert len(await store.records()) == 1
    await store.close()


async def test_without_a_wait_the_first_refusal_is_the_error() -> None:
    url = f"postgresql://signalbox@127.0.0.1:{free_port()}/nowhere"
    with pytest.raises(StoreUnreachable, match="Postgres"):
        await migrate(url)


async def test_the_wait_ends_with_the_last_refusal() -> None:
    url = f"postgresql://signalbox@127.0.0.1:{free_port()}/nowhere"
    begin = time.monotonic()
    with pytest.raises(StoreUnreachable, match="Postgres"):
        await migrate(url, wait_seconds=0.5)
    assert time.monotonic() - begin >= 0.5


async def test_what_a_later_attempt_does_not_change_is_not_retried(postgres: Postgres) -> None:
    """The test would wait for ten minutes otherwise."""
    url = f"postgresql://signalbox@127.0.0.1:{postgres.port}/no_such_database"
    with pytest.raises(StoreUnavailable, match="no_such_database") as failure:
        await asyncio.wait_for(migrate(url, LONG_SECONDS), timeout=60)
    assert not isinstance(failure.value, StoreUnreachable)
