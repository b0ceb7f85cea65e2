"""Paths of jobs and of the store, measured in this process."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.growth.cost import Cost, Growth, median_of, over_sizes, timed
from pipelines.classes import Classes
from pipelines.drift.job import windows_of
from pipelines.strata import select_rows
from pipelines.train.candidates import texts_of, vectors_of
from pipelines.train.ground_truth import GroundTruth
from pipelines.train.job import fit
from pipelines.windows import read
from signalbox.certificate import certify
from signalbox.settings import Settings
from signalbox.store import Store, open_store
from signalbox.tasks import load_data, load_task
from tests.helpers import folder_on_disk, record
from tests.pipelines.samples import compare_windows, draw_sample

Work = Callable[[Store], Awaitable[object]]
_AT_ONCE = 1_000
_PAGE_ROWS = 50


def certificate(sizes: Sequence[int], rounds: int) -> list[Growth]:
    """One certificate from so many labels, of which 2 % are wrong, over a pool of 2,000 answers."""
    draw = random.Random(0)
    pool = [draw.random() for _ in range(2_000)]

    def measure(size: int) -> Cost:
        score, wrong = [draw.random() for _ in range(size)], [draw.random() < 0.02 for _ in range(size)]
        return timed(lambda: certify(score, wrong, pool, 0.1, 0.1))

    measure(100)  # plans are cached, and this pool's is the same at every call
    return over_sizes(sizes, measure, rounds)


def drift(sizes: Sequence[int], rounds: int) -> list[Growth]:
    """The tests of the drift job on a reference of so many records and a current window of a tenth."""
    rng = np.random.default_rng(0)

    def measure(size: int) -> Cost:
        reference, current = draw_sample(rng, size), draw_sample(rng, size // 10)
        return timed(lambda: compare_windows(reference, current))

    return over_sizes(sizes, measure, rounds)


def training(sizes: Sequence[int], rounds: int) -> list[Growth]:
    """Cross-validation of all heads and the learning curve, on the few-shot rows and so many rows a language and label of
    the pool; embeddings exist already. The size is that of all of them.
    """
    task = load_task(Path("tasks/medical"))
    few_shot, pool = load_data(task, "few-shot", "everyday"), load_data(task, "pool", "everyday")
    by_size = {
        len(few_shot) + len(part): [*few_shot, *part] for part in (select_rows(pool, n) for n in sizes)
    }
    calibration = load_data(task, "calibration", "everyday")
    vectors = vectors_of(texts_of([*few_shot, *pool, *calibration]), Settings().cache_dir)

    def measure(size: int) -> Cost:
        return timed(lambda: fit(Classes.of(task), by_size[size], calibration, vectors, GroundTruth(())))

    return over_sizes(list(by_size), measure, rounds)


def store_append(sizes: Sequence[int], rounds: int) -> list[Growth]:
    """One durable append of 100 records to a SQLite file of so many."""
    return asyncio.run(_on_filled(sizes, rounds, _append))


def store_newest(sizes: Sequence[int], rounds: int) -> list[Growth]:
    """The newest 50 of so many records in one language."""
    return asyncio.run(_on_filled(sizes, rounds, _newest))


def store_columns(sizes: Sequence[int], rounds: int) -> list[Growth]:
    """All that the drift job compares, of so many records."""
    return asyncio.run(_on_filled(sizes, rounds, _columns))


async def _append(store: Store) -> object:
    return await store.append_many([record() for _ in range(100)])


async def _newest(store: Store) -> object:
    return await store.records(task="medical", language="en", limit=_PAGE_ROWS)


async def _columns(store: Store) -> object:
    windows = windows_of(datetime.now(UTC), current_days=7, reference_days=28)
    return await read(store, load_task(Path("tasks/medical")), ["en"], ["encoder"], windows)


async def _on_filled(sizes: Sequence[int], rounds: int, work: Work) -> list[Growth]:
    """Medians of the cost of work on one file that grows from size to size."""
    growths = []
    with folder_on_disk() as folder:
        async with open_store(f"sqlite:///{folder / 'growth.db'}") as store:
            size_now = 0
            for size in sizes:
                for first in range(size_now, size, _AT_ONCE):
                    await store.append_many([record() for _ in range(min(_AT_ONCE, size - first))])
                size_now = size
                growths.append(
                    Growth(size, median_of([await _timed(store, work) for _ in range(rounds * 3)]))
                )
    return growths


async def _timed(store: Store, work: Work) -> Cost:
    started, cpu_started = time.perf_counter(), time.process_time()
    await work(store)
    return Cost(time.perf_counter() - started, time.process_time() - cpu_started)
