"""The faults of the endurance run that need no server."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.endurance import faults
from local.processes import Supervisor


async def test_a_locked_store_accepts_writes_again_after_the_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[str] = []
    database = tmp_path / "store.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE record (id)")

    def write() -> None:
        with closing(sqlite3.connect(database, timeout=0)) as connection, connection:
            connection.execute("INSERT INTO record VALUES ('a')")

    def during(_: float) -> None:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write()
        seen.append("locked")

    monkeypatch.setattr(faults.time, "sleep", during)
    await faults.lock_store(faults.Stack({}, Supervisor(tmp_path), database))
    write()
    assert seen == ["locked"]
