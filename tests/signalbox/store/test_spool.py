"""The spool while its disk is full: no row is lost, and what does not fit is rejected."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from signalbox.io import AppendLog
from signalbox.store import StoreUnavailable, open_store, spool
from signalbox.store.spool import Spool, SpoolFull
from tests.helpers import record


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file can be written or replaced; one can still be deleted."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(AppendLog, "append", fail)
        patch.setattr(spool, "write_whole", fail)
        yield


def test_rows_are_held_while_the_disk_is_full_and_written_when_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "records.jsonl"
    rows = [record() for _ in range(4)]
    log = Spool(path)
    log.add(rows[:1])
    with full_disk(monkeypatch):
        log.add(rows[1:3])
        assert log.rows(10) == rows[:3]
        assert Spool(path).rows(10) == rows[:1]
    log.add(rows[3:])
    assert Spool(path).rows(10) == log.rows(10) == rows


def test_rows_in_the_database_are_dropped_though_the_file_cannot_be_shortened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "records.jsonl"
    rows = [record() for _ in range(4)]
    log = Spool(path)
    log.add(rows[:2])
    with full_disk(monkeypatch):
        log.add(rows[2:3])
        log.drop(1)
        assert log.rows(10) == rows[1:3]
    log.add(rows[3:])
    log.drop(1)
    assert Spool(path).rows(10) == log.rows(10) == rows[2:]
    with full_disk(monkeypatch):
        log.drop(2)
    assert Spool(path).rows(10) == log.rows(10) == []


def test_the_file_never_exceeds_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MAX_UNWRITTEN_ROWS", 3)
    probe = Spool(tmp_path / "probe.jsonl", 100_000)
    probe.add([record()])
    size = (tmp_path / "probe.jsonl").stat().st_size
    path, limit = tmp_path / "records.jsonl", int(3.5 * size)
    log = Spool(path, limit)
    log.add([record(), record()])
    log.add([record() for _ in range(4)])  # one of them fits
    assert limit - size < path.stat().st_size <= limit
    with pytest.raises(SpoolFull, match=rf"its limit is {limit} bytes.*3 rows wait"):
        log.add([record()])
    log.drop(1)
    last = record()
    log.add([last])  # there is room again
    assert path.stat().st_size <= limit
    assert log.rows(100)[-1] == last


def test_a_row_too_many_is_rejected_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MAX_UNWRITTEN_ROWS", 2)
    log = Spool(tmp_path / "records.jsonl")
    with full_disk(monkeypatch):
        log.add([record(), record()])
        with pytest.raises(SpoolFull, match=r"No space left on device.*2 rows wait.*Free space"):
            log.add([record()])
        assert len(log) == 2


async def test_rows_held_in_memory_reach_the_database(
    postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.create("held")
    rows = [record() for _ in range(3)]
    async with open_store(url, spool_dir=tmp_path) as store:
        postgres.stop()
        with full_disk(monkeypatch):
            try:
                for row in rows:
                    await store.append(row)
            finally:
                postgres.start()
            while store.spooled:
                with suppress(StoreUnavailable):  # right after its start
                    await store.replay_spool()
        assert [await store.get(row.id) for row in rows] == rows
