"""Rows that a database always rejects: they block no others, and are kept."""

import asyncio
import errno
import json
import shutil
from pathlib import Path

import asyncpg
import pytest

from signalbox.contracts.record import Feedback
from signalbox.errors import InputError
from signalbox.io import AppendLog
from signalbox.store import StoreUnavailable, migrate, open_store
from signalbox.store.spool import Spool, SpoolFull
from tests.helpers import record

GREEK = "Γειά"


@pytest.fixture
def latin(postgres, request):
    """The URL of a database whose encoding has no Greek."""
    name = f"latin_{abs(hash(request.node.nodeid))}"
    address = ("-h", "127.0.0.1", "-p", str(postgres.port), "-U", "signalbox")
    postgres.run("createdb", *address, "-E", "LATIN1", "-T", "template0", "--locale=C", name)
    return f"postgresql://signalbox@127.0.0.1:{postgres.port}/{name}"


def kept(folder: Path):
    return [row["row"]["id"] for row in map(json.loads, AppendLog(folder / "rejected.jsonl").rows())]


async def emptied(store):
    async with asyncio.timeout(30):
        while store.spooled:
            await asyncio.sleep(0.05)


async def test_a_rejected_row_is_kept_in_a_file_and_the_others_are_stored(latin, tmp_path, caplog):
    bad, good = record(GREEK), [record("one"), record("two")]
    async with open_store(latin, spool_dir=tmp_path) as store:
        await store.append(good[0])
        await store.append_many([bad, good[1]])  # answered, as while the database is away
        feedback = Feedback(prediction_id=bad.id, label="yes")
        await store.add_feedback(feedback)
        await emptied(store)
        assert [await store.get(one.id) for one in (*good, bad)] == [*good, None]
        assert store.write_failures == 3
    assert kept(tmp_path) == [bad.id, feedback.id]
    errors = [entry for entry in caplog.records if entry.levelname == "ERROR"]
    assert [entry.row_id for entry in errors] == [bad.id, feedback.id]
    assert GREEK not in caplog.text


async def test_a_row_that_is_kept_can_be_spooled_again(latin, postgres, tmp_path):
    bad = record(GREEK)
    async with open_store(latin, spool_dir=tmp_path) as store:
        await store.append(bad)
        await emptied(store)
    shutil.move(tmp_path / "rejected.jsonl", tmp_path / "records.jsonl")
    async with open_store(postgres.create("unicode"), spool_dir=tmp_path) as store:
        await store.replay_spool()
        assert await store.get(bad.id) == bad


async def test_without_a_spool_the_rejection_is_raised_with_its_cause(latin):
    async with open_store(latin) as store:
        with pytest.raises(StoreUnavailable, match="no equivalent in encoding") as caught:
            await store.append(record(GREEK))
    assert "UTF8" in caught.value.hint


async def test_a_rejection_by_a_rule_of_the_table_does_not_quote_the_row(postgres, tmp_path, caplog):
    url = postgres.create("ruled")
    await migrate(url)
    owner = await asyncpg.connect(url)
    await owner.execute("ALTER TABLE record ADD CHECK (language <> 'xx')")
    await owner.close()
    bad, good = record("A secret sentence.", language="xx"), record()
    async with open_store(url, spool_dir=tmp_path) as store:
        await asyncio.gather(store.append(bad), store.append(good))
        await emptied(store)
        assert await store.get(good.id) == good
    assert kept(tmp_path) == [bad.id]
    assert "secret" not in caplog.text


async def test_another_record_of_a_stored_id_is_kept(url, tmp_path):
    stored = record()
    other = stored.model_copy(update={"justification": "Another."})
    async with open_store(url) as store:
        await store.append(stored)
    Spool(tmp_path / "records.jsonl").add([other, record()])
    async with open_store(url, spool_dir=tmp_path) as store:
        await store.replay_spool()
        assert store.spooled == 0
        assert len(await store.records()) == 2
        with pytest.raises(InputError, match="append-only"):
            await store.append(other)
    assert AppendLog(tmp_path / "rejected.jsonl").rows()


async def test_a_rejected_row_waits_while_its_file_cannot_be_written(latin, tmp_path, monkeypatch):
    bad, good = record(GREEK), record("good")
    Spool(tmp_path / "records.jsonl").add([bad, good])
    store = open_store(latin, spool_dir=tmp_path)

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(AppendLog, "append", fail)
        with pytest.raises(OSError, match="No space left"):
            await store.replay_spool()
    assert store.spooled == 2
    await store.replay_spool()
    assert (store.spooled, kept(tmp_path)) == (0, [bad.id])
    await store.close()


def test_rejected_rows_count_for_the_limit_of_the_spool(tmp_path, monkeypatch):
    monkeypatch.setattr("signalbox.store.spool.MAX_UNWRITTEN_ROWS", 0)
    rows = [record() for _ in range(3)]
    Spool(tmp_path / "probe.jsonl").add(rows[:1])
    size = (tmp_path / "probe.jsonl").stat().st_size
    spool = Spool(tmp_path / "records.jsonl", int(2.5 * size))
    spool.add(rows[:2])
    spool.drop(2, rejected=rows[:2])
    with pytest.raises(SpoolFull, match=r"rejected\.jsonl"):
        spool.add(rows[2:])
    (tmp_path / "rejected.jsonl").unlink()
    spool.add(rows[2:])
