"""A database, a spool and thresholds that the first version wrote (tests/data/store-v1), read by this one."""

import asyncio
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from signalbox.contracts.record import Feedback
from signalbox.store import migrate, open_store
from signalbox.store.migrations import MIGRATIONS
from signalbox.store.spool import Spool
from tests.helpers import record

FOLDER = Path("tests/data/store-v1")
P_YES = [0.83, 0.1, None, None, 0.9999999999999999, 0.44, 0.0]  # by id
OLD_INSERT = """INSERT INTO record (id, created_at, source, task, language, route, release_key, light, verdict,
p_yes, body) SELECT '{new}', created_at, source, task, language, route, release_key, light, verdict, p_yes,
replace(body, id, '{new}') FROM record WHERE id = '{old}'"""


def name(number: int) -> str:
    return f"00000000-0000-4000-8000-00000000000{number}"


async def run(url: str, sql: str) -> None:
    """SQL as an operator would run it, without our code."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.executescript(sql)
        connection.close()
        return
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


@pytest.fixture
async def old(url: str) -> str:
    """The URL of a database as the first version left it."""
    schema = "sqlite.sql" if url.startswith("sqlite") else "postgres.sql"
    for file in (schema, "rows.sql"):
        await run(url, (FOLDER / file).read_text(encoding="utf-8"))
    return url


async def test_every_record_is_readable_with_its_p_yes(old: str) -> None:
    async with open_store(old) as store:
        records = await store.records(newest_first=False)
        assert [r.p_yes for r in records] == P_YES
        assert [r.verdict for r in records] == ["yes", "no", "neutral", "neutral", "yes", "yes", "no"]
        assert {r.schema_version for r in records} == {2}
        second = await store.get(name(2))
        assert second is not None
        assert second.probabilities == {"yes": 0.1, "no": 0.9}
        assert second.input_text == "Ein Nutzen des Geräts ist „denkbar“, aber nicht belegt."
        assert [f.label for f in await store.feedback_for(name(1))] == ["no", "yes"]
        assert {r.id: r.label for r in await store.ground_truth("medical")} == {name(1): "yes", name(2): "no"}


async def test_the_migration_has_a_number_and_runs_once(old: str) -> None:
    assert await migrate(old) == [migration.name for migration in MIGRATIONS[1:]]
    assert await migrate(old) == []


async def test_old_and_new_records_are_in_one_table(old: str) -> None:
    new = record(verdict="Größe", probabilities={"Größe": 0.5, "b": 0.3, "c": 0.2}, score=0.2)
    async with open_store(old) as store:
        await store.append(new)
        await store.add_feedback(Feedback(prediction_id=new.id, label="c"))
        await store.add_feedback(Feedback(prediction_id=name(5), label="no"))
        assert await store.get(new.id) == new
        assert len(await store.records()) == len(P_YES) + 1
        assert {r.label for r in await store.ground_truth("medical")} == {"yes", "no", "c"}


async def test_a_process_of_the_version_before_may_still_write(old: str) -> None:
    """A deployment migrates first and replaces its processes afterwards."""
    await migrate(old)
    await run(old, OLD_INSERT.format(new="late", old=name(1)))
    async with open_store(old) as store:
        late = await store.get("late")
        assert late is not None
        assert late.p_yes == 0.83


async def test_an_old_row_that_is_written_again_is_passed_over(old: str) -> None:
    """The spool may hold a record that reached the database before the connection broke."""
    async with open_store(old) as store:
        before = await store.get(name(1))
        assert before is not None
        await store.append(before)
        assert await store.get(name(1)) == before


async def test_an_old_spool_is_replayed(old: str, tmp_path: Path) -> None:
    shutil.copy(FOLDER / "spool.jsonl", tmp_path / "records.jsonl")
    async with open_store(old, spool_dir=tmp_path) as store:
        while store.spooled:
            await asyncio.sleep(0.05)
        waiting = await store.get(name(8))
        assert waiting is not None
        assert waiting.p_yes == 0.2
        assert [f.label for f in await store.feedback_for(name(8))] == ["no"]
        assert len(await store.records()) == len(P_YES) + 1
    # Each start would write them again, also after their retention.
    assert len(Spool(tmp_path / "records.jsonl")) == 0


async def test_a_chance_of_the_first_version_is_kept_and_its_default_is_none(old: str) -> None:
    async with open_store(old) as store:
        records = await store.records(newest_first=False)
    assert [r.propensity for r in records] == [None] * 6 + [0.25]
    assert not any(r.asked for r in records)


async def test_a_stored_time_without_a_zone_is_read_as_the_moment_of_its_column(url: str) -> None:
    """Earlier versions accepted it; afterwards no job could compare times."""
    new = record(created_at=datetime(2026, 3, 1, 9, tzinfo=UTC))
    async with open_store(url) as store:
        await store.append(new)
        await store.add_feedback(
            Feedback(prediction_id=new.id, label="no", created_at=datetime(2026, 3, 1, 10, tzinfo=UTC))
        )
    for table in ("record", "feedback"):
        await run(url, f"UPDATE {table} SET body = replace(body, ':00:00Z', ':00:00')")
    async with open_store(url) as store:
        (read,) = await store.records()
        assert read == await store.get(new.id) == new
        (label,) = await store.feedback_for(new.id)
        assert label.created_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
        assert len(await store.ground_truth("medical")) == 1
        await store.append(new)


async def test_a_spooled_time_without_a_zone_is_read_as_utc(url: str, tmp_path: Path) -> None:
    line = (FOLDER / "spool.jsonl").read_text(encoding="utf-8").splitlines()[1]
    (tmp_path / "records.jsonl").write_text(line.replace("16:00:00Z", "16:00:00") + "\n", encoding="utf-8")
    async with open_store(url, spool_dir=tmp_path) as store:
        while store.spooled:
            await asyncio.sleep(0.05)
        waiting = await store.get(name(8))
    assert waiting is not None
    assert waiting.created_at == datetime(2026, 3, 1, 16, tzinfo=UTC)
