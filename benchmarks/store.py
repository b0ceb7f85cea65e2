"""Appends/s of the record store on SQLite (a file, synchronous=FULL) and on a separate Postgres.

Every append waits until it is durable. The disk's own rate is measured first: 4 KiB written over a file's old
content with fdatasync, as a write-ahead log does once it has its size.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from signalbox.contracts.record import Record
from signalbox.store import Store, open_store
from tests.helpers import folder_on_disk, record, running_postgres

_SYNCS = 1000
_WARM_UP = 500  # until SQLite's log has its size


@dataclass(frozen=True)
class Load:
    """Concurrent writers, records in one append, appends in all."""

    writers: int
    records: int
    appends: int


LOADS = (Load(1, 1, 2000), Load(32, 1, 20_000), Load(1, 100, 200))


def run() -> list[dict[str, object]]:
    """The disk's own rate, then one row per database and load."""
    with folder_on_disk() as folder:
        rows: list[dict[str, object]] = [{"database": "bare disk", **_disk(folder / "raw")}]
        rows += asyncio.run(_measure("SQLite", f"sqlite:///{folder / 'bench.db'}"))
    with running_postgres() as server:
        rows += asyncio.run(_measure("Postgres", server.create("bench")))
    return rows


async def _measure(name: str, url: str) -> list[dict[str, object]]:
    async with open_store(url) as store:
        await _load(store, Load(1, 1, _WARM_UP))
        return [{"database": name, **await _load(store, load)} for load in LOADS]


async def _load(store: Store, load: Load) -> dict[str, object]:
    batches = [[record() for _ in range(load.records)] for _ in range(load.appends)]
    seconds: list[float] = []
    started, cpu_started = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for writer in range(load.writers):
            group.create_task(_write(store, batches[writer :: load.writers], seconds))
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    return {
        "writers": load.writers,
        "records_per_append": load.records,
        "appends_per_s": round(load.appends / elapsed),
        "records_per_s": round(load.appends * load.records / elapsed),
        **_percentiles(seconds),
        "cpu_us_per_record": round(cpu / (load.appends * load.records) * 1e6),
    }


async def _write(store: Store, batches: list[list[Record]], seconds: list[float]) -> None:
    for batch in batches:
        started = time.perf_counter()
        await store.append_many(batch)
        seconds.append(time.perf_counter() - started)


def _disk(path: Path) -> dict[str, object]:
    seconds = []
    path.write_bytes(bytes(4096 * _SYNCS))
    with path.open("r+b", buffering=0) as file:
        os.fsync(file.fileno())
        for _ in range(_SYNCS):
            started = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - started)
    return {"writers": 1, "appends_per_s": round(_SYNCS / sum(seconds)), **_percentiles(seconds)}


def _percentiles(seconds: list[float]) -> dict[str, object]:
    cuts = statistics.quantiles(seconds, n=100)
    return {"p50_ms": round(cuts[49] * 1000, 2), "p99_ms": round(cuts[98] * 1000, 2)}
