"""One suite for both databases, and their failures."""

import asyncio
import signal
import subprocess
import sys
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signalbox.contracts.labels import yes_no
from signalbox.contracts.record import Feedback
from signalbox.errors import InputError, SetupError
from signalbox.store import Query, StoreUnavailable, migrate, open_store
from signalbox.store.backend import RowRejected
from signalbox.store.compared import Span
from signalbox.store.databases import postgres_rows, sqlite
from signalbox.store.databases.postgres import PostgresBackend
from signalbox.store.databases.sqlite import SqliteBackend
from signalbox.store.databases.sqlite_rows import BY_ID, matching
from signalbox.store.migrations import MIGRATIONS
from signalbox.store.pages import ASKED
from signalbox.store.portable import postgres_form
from signalbox.store.rows import WITHHELD_ERROR
from signalbox.store.spool import Spool
from tests.helpers import record


async def test_reads_back_what_was_appended(url: str) -> None:
    prediction = record()
    async with open_store(url) as store:
        await store.append(prediction)
        assert await store.get(prediction.id) == prediction
        assert await store.get("unknown") is None


async def test_survives_a_reopening_and_migrates_once(url: str) -> None:
    prediction = record()
    async with open_store(url) as store:
        await store.append(prediction)
    async with open_store(url) as store:
        assert await store.get(prediction.id) == prediction


async def test_two_processes_may_migrate_at_once(url: str) -> None:
    stores = [open_store(url) for _ in range(8)]
    await asyncio.gather(*(store.open() for store in stores))
    await stores[0].append(record())
    assert len(await stores[3].records()) == 1
    await asyncio.gather(*(store.close() for store in stores))


async def test_an_equal_record_is_passed_over_and_a_different_one_rejected(url: str) -> None:
    prediction = record()
    async with open_store(url) as store:
        await store.append(prediction)
        await store.append(prediction)
        with pytest.raises(InputError, match="append-only"):
            await store.append(prediction.model_copy(update={"probabilities": yes_no(0.1)}))
        assert await store.records() == [prediction]


async def test_rows_that_exist_are_passed_over_and_the_others_stored(url: str) -> None:
    first, second, third = (record(str(number)) for number in range(3))
    async with open_store(url) as store:
        await store.append_many([first, second])
        await store.append_many([second, third])
        assert {one.id for one in await store.records()} == {first.id, second.id, third.id}


async def test_an_append_with_another_record_of_an_id_stores_none_and_its_neighbors_all(url: str) -> None:
    stored, equal, first, second = (record(str(number)) for number in range(4))
    other = stored.model_copy(update={"justification": "Another."})
    twins = [record("one", id="twin"), record("other", id="twin")]
    appends = [[first, other], [second, stored], [equal, equal], twins]
    async with open_store(url) as store:
        await store.append(stored)
        results = await asyncio.gather(*map(store.append_many, appends), return_exceptions=True)
        rows = {one.id: one for one in await store.records()}
    assert [type(result) for result in results] == [InputError, type(None), type(None), InputError]
    assert rows == {one.id: one for one in (stored, second, equal)}


async def test_filters_and_orders(url: str) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    predictions = [
        record(
            created_at=start + timedelta(days=i),
            language="de" if i % 2 else "en",
            source="evaluation" if i == 3 else "user",
        )
        for i in range(5)
    ]
    async with open_store(url) as store:
        await store.append_many(predictions)
        assert await store.records(newest_first=False) == predictions
        assert await store.records(limit=2) == [predictions[4], predictions[3]]
        assert await store.records(language="de", source="user") == [predictions[1]]
        assert await store.records(since=start + timedelta(days=4)) == [predictions[4]]
        assert await store.records(task="other") == []


async def test_feedback_is_a_row_of_its_own_and_the_newest_is_the_label(url: str) -> None:
    prediction = record()
    async with open_store(url) as store:
        await store.append(prediction)
        now = datetime.now(UTC)
        for i, label in enumerate(("yes", "no")):
            await store.add_feedback(
                Feedback(prediction_id=prediction.id, label=label, created_at=now + timedelta(seconds=i))
            )
        assert [row.label for row in await store.feedback_for(prediction.id)] == ["yes", "no"]
        (text,) = await store.ground_truth("medical")
        assert (text.text, text.label) == (prediction.input_text, "no")


async def test_evaluation_records_are_no_ground_truth(url: str) -> None:
    prediction = record(source="evaluation")
    async with open_store(url) as store:
        await store.append(prediction)
        await store.add_feedback(Feedback(prediction_id=prediction.id, label="yes"))
        assert await store.ground_truth("medical") == []


async def test_feedback_for_nothing_names_the_id(url: str) -> None:
    async with open_store(url) as store:
        with pytest.raises(InputError, match="nowhere"):
            await store.add_feedback(Feedback(prediction_id="nowhere", label="yes"))


async def test_without_text_only_hash_and_length_stay(url: str) -> None:
    prediction = record("A secret sentence.")
    async with open_store(url, store_text=False) as store:
        await store.append(prediction)
        row = await store.get(prediction.id)
    assert row is not None
    assert (row.input_text, row.justification) == (None, None)
    assert (row.input_sha256, row.input_characters) == (prediction.input_sha256, 18)


@pytest.mark.parametrize("error", [None, "http://encoder: HTTP 400: got 'A secret sentence.'."])
async def test_without_text_an_error_stays_one_and_quotes_nothing(url: str, error: str | None) -> None:
    prediction = record("A secret sentence.", error=error)
    async with open_store(url, store_text=False) as store:
        await store.append(prediction)
        row = await store.get(prediction.id)
    assert row is not None
    assert row.error == (WITHHELD_ERROR if error else None)


async def test_many_writers_at_once(url: str) -> None:
    predictions = [record(f"text {i}") for i in range(200)]
    async with open_store(url) as store:
        await asyncio.gather(*(store.append(one) for one in predictions))
        assert {one.id for one in await store.records()} == {one.id for one in predictions}


@pytest.mark.parametrize("bad", ["mysql://x/y", "sqlite://", "nonsense", ""])
def test_a_wrong_url_lists_the_right_forms(bad: str) -> None:
    with pytest.raises(InputError, match="sqlite:///PATH or postgresql://"):
        open_store(bad)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(InputError) as caught:
        open_store("mysql://user:hunter2@host/db")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hun#ter2@127.0.0.1/db",
        "postgresql://u:hun[ter2@h/db",
        "postgresql://u:x@127.0.0.1:99999/db",
    ],
)
async def test_a_postgres_url_that_cannot_be_read_is_reported_without_its_password(url: str) -> None:
    with pytest.raises(InputError, match="Percent-encode") as caught:
        await open_store(url).open()
    assert "hun" not in "".join(traceback.format_exception(caught.value))


async def test_an_id_that_cannot_be_looked_for_is_unknown(url: str) -> None:
    async with open_store(url) as store:
        assert await store.get("a\x00b") is None
        assert await store.get("\ud800") is None
        with pytest.raises(InputError, match="No such prediction"):
            await store.add_feedback(Feedback(prediction_id="a\x00b", label="yes"))


async def test_a_record_that_cannot_be_written_fails_alone(url: str) -> None:
    """A lone surrogate has no UTF-8 form; models have generated such text."""
    bad, good = record(justification="\ud800"), [record(f"text {i}") for i in range(20)]
    async with open_store(url) as store:
        outcomes = await asyncio.gather(
            store.append(bad), *(store.append(one) for one in good), return_exceptions=True
        )
        assert isinstance(outcomes[0], Exception)
        assert outcomes[1:] == [None] * len(good)
        await store.append(record("later"))
        assert len(await store.records()) == len(good) + 1


async def test_an_unavailable_database_is_an_error_without_a_spool() -> None:
    with pytest.raises(StoreUnavailable, match="Postgres"):
        await open_store("postgresql://nobody@127.0.0.1:1/none").open()


async def test_rows_wait_in_the_spool_and_are_replayed(postgres, tmp_path: Path) -> None:
    """Postgres goes away in the middle: nothing is lost, and the order stays."""
    url = postgres.create("spooled")
    before, during = record("before"), record("during")
    async with open_store(url, spool_dir=tmp_path) as store:
        await store.append(before)
        postgres.stop()
        try:
            await store.append(during)
            await store.add_feedback(Feedback(prediction_id=during.id, label="no"))
            assert store.spooled == 2
            assert store.write_failures == 1  # the second row was not tried: it waits behind the first
            assert await store.get(during.id) == during
            assert [row.label for row in await store.feedback_for(during.id)] == ["no"]
        finally:
            postgres.start()
        async with asyncio.timeout(30):
            while store.spooled:
                await asyncio.sleep(0.1)
        assert await store.get(during.id) == during
        assert [row.label for row in await store.feedback_for(during.id)] == ["no"]


async def test_a_spool_outlives_its_process_and_a_torn_line(postgres, tmp_path: Path) -> None:
    url = postgres.create("outlived")
    prediction = record()
    postgres.stop()
    try:
        async with open_store(url, spool_dir=tmp_path) as store:
            await store.append(prediction)
    finally:
        postgres.start()
    with (tmp_path / "records.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"kind":"record","row":{"torn')
    async with open_store(url, spool_dir=tmp_path) as store:
        await store.replay_spool()
        assert await store.get(prediction.id) == prediction
        assert store.spooled == 0


async def test_a_torn_line_does_not_spoil_the_next_row(postgres, tmp_path: Path) -> None:
    url = postgres.create("torn")
    (tmp_path / "records.jsonl").write_text('{"kind":"record","row":{"torn', encoding="utf-8")
    prediction = record()
    postgres.stop()
    try:
        async with open_store(url, spool_dir=tmp_path) as store:
            await store.append(prediction)
        async with open_store(url, spool_dir=tmp_path) as store:
            assert await store.get(prediction.id) == prediction
    finally:
        postgres.start()


@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x0c", "\n"])
def test_a_text_with_line_marks_is_read_back(tmp_path: Path, mark: str) -> None:
    prediction = record(f"one{mark}two")
    Spool(tmp_path / "records.jsonl").add([prediction])
    assert Spool(tmp_path / "records.jsonl").rows(10) == [prediction]


def test_two_processes_on_one_spool_lose_nothing_of_each_other(tmp_path: Path) -> None:
    one, two = Spool(tmp_path / "records.jsonl"), Spool(tmp_path / "records.jsonl")
    mine, theirs = record("mine"), record("theirs")
    one.add([mine])
    two.add([theirs])
    one.drop(1)
    assert Spool(tmp_path / "records.jsonl").rows(10) == [theirs]


@pytest.mark.parametrize("line", [b'{"kind":"record"}', b"no JSON", b'{"kind":"record","row":"\xff"}'])
def test_a_spool_that_cannot_be_read_names_file_and_line(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "records.jsonl").write_bytes(line + b"\n")
    with pytest.raises(SetupError, match=r"records\.jsonl: line 1"):
        Spool(tmp_path / "records.jsonl")


async def test_not_every_row_waits_for_a_database_that_hangs(tmp_path: Path) -> None:
    """It accepts connections and never speaks: the first row finds out, the others go to the spool."""
    connections = []

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    predictions = [record(f"text {i}") for i in range(100)]
    async with server:
        store = await open_store(f"postgresql://u@127.0.0.1:{port}/db", spool_dir=tmp_path).open()
        await asyncio.gather(*(store.append(one) for one in predictions))
        assert store.spooled == len(predictions)
        assert await store.get(predictions[50].id) == predictions[50]
        assert len(connections) < 10
        await store.close()


WRITER = """
import asyncio, sys
from signalbox.store import open_store
from tests.helpers import record
async def main():
    async with open_store(sys.argv[1]) as store:
        async def one(i):
            prediction = record(f"text {i}")
            await store.append(prediction)
            print(prediction.id, flush=True)
        for start in range(0, 1000, 10):
            await asyncio.gather(*(one(i) for i in range(start, start + 10)))
asyncio.run(main())
"""


@pytest.mark.slow
async def test_no_acknowledged_record_is_lost_by_a_kill(tmp_path: Path) -> None:
    """SIGKILL in the middle of 1,000 appends."""
    url = f"sqlite:///{tmp_path / 'killed.db'}"
    process = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(300)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [
        line.strip() for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")
    ]
    process.wait()
    async with open_store(url) as store:
        ids = {one.id for one in await store.records()}
    assert 300 <= len(acknowledged) < 1000
    assert set(acknowledged) <= ids


async def test_migrations_are_named_when_they_are_applied_and_only_then(url: str) -> None:
    assert await migrate(url) == [migration.name for migration in MIGRATIONS]
    assert await migrate(url) == []
    async with open_store(url) as store:
        await store.append(record())


async def test_reads_of_many_records_use_an_index_of_their_own_on_postgres(postgres) -> None:
    full = PostgresBackend(postgres.create("explained"))
    await full.connect()
    await full._fetch(
        """INSERT INTO record (id, created_at, source, task, language, route, light, verdict, body, packed)
        SELECT n, timestamptz '2026-01-01Z' + n * interval '1 hour', 'user', 'medical',
        CASE WHEN n % 9 = 0 THEN 'en' ELSE 'de' END, 'encoder', 'red', 'no',
        repeat('x', 700) || CASE WHEN n % 500 = 0 THEN '"asked":true' ELSE '' END,
        CASE WHEN n % 50 = 0 THEN NULL ELSE int8send(n) || repeat('x', 44)::bytea END FROM generate_series(1, 20000) n"""
    )
    await full._pool.execute("VACUUM ANALYZE record")
    moments = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
    span = Span("medical", "en", *moments)
    for sql, values, index in (
        (postgres_rows.PACKED, (*span[:2], b"", b"x", 10), "Index Only Scan using record_packed"),
        (postgres_rows.BODIES, (*span, moments[0], "", 10), "Scan using record_unpacked"),
        (postgres_form(ASKED), span[:2], "record_asked"),
    ):
        plan = [row[0] for row in await full._fetch(f"EXPLAIN {sql}", *values)]
        assert any(index in step for step in plan), plan
    await full.close()


async def test_reads_of_many_records_use_an_index_on_sqlite(tmp_path: Path) -> None:
    lite = SqliteBackend(tmp_path / "store.db")
    await lite.connect()
    moment = "2026-01-01T00:00:00.000000+00:00"
    newest = matching(Query("medical", "en", limit=50))
    for sql, values, index in (
        (sqlite._BODIES, ("medical", "en", moment, moment, moment, -1, 10), "record_unpacked"),
        (f"SELECT created_at, body FROM record {newest[0]}", newest[1], "record_by_task"),
        (BY_ID, ("name",), "sqlite_autoindex_record_1"),
    ):
        steps = [str(row[3]) for row in await lite._rows(f"EXPLAIN QUERY PLAN {sql}", values)]
        assert any(f"SEARCH record USING INDEX {index} (" in step for step in steps), steps
        assert not any("TEMP B-TREE" in step for step in steps), steps
    await lite.close()


async def test_concurrent_appends_to_postgres_share_commits_and_a_bad_one_fails_alone(postgres) -> None:
    async with open_store(postgres.create("grouped")) as store:
        good = [record(f"text {number}") for number in range(40)]
        bad = record(task="a\x00")  # Postgres stores no NUL
        twins = [record("one", id="twin"), record("other", id="twin")]
        results = await asyncio.gather(
            *(store.append(one) for one in (*good, bad, *twins)), return_exceptions=True
        )
        failed = {place: type(result) for place, result in enumerate(results) if result is not None}
        stored = [await store.get(one.id) for one in (*good, bad, twins[0])]
    assert failed == {40: RowRejected, 42: InputError}
    assert stored == [*good, None, twins[0]]
