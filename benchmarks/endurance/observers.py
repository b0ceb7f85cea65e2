"""What runs next to the load: faults at their times, jobs in turns, and samples of each process."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import psutil
from rich.console import Console

from benchmarks.endurance.events import Event, Sample, Trace, Window
from benchmarks.endurance.faults import FAULTS, Stack
from benchmarks.endurance.load import Load
from local import stack as services
from signalbox.settings import Settings

FAULT_SECONDS, SAMPLE_SECONDS, JOB_PAUSE_SECONDS = 300.0, 5.0, 60.0
SETTLE_SECONDS = 20.0  # after the load: the spool is written again
JOBS = (
    ("evaluate", "--route", "encoder", "--tier", "everyday", "--limit", "2", "--fresh"),
    ("drift",),
    ("watch",),
)
_MIB = 1 << 20
Clock = Callable[[], float]


async def observe(settings: Settings, stack: Stack, seconds: float, console: Console) -> Trace:
    """Load, faults, jobs and samples at the same time, for so many seconds."""
    trace, started = Trace(), time.monotonic()

    def clock() -> float:
        return time.monotonic() - started

    async with asyncio.TaskGroup() as group:
        group.create_task(Load(settings, trace, clock).run(seconds))
        group.create_task(_inject(stack, trace, clock, seconds, console))
        group.create_task(_run_jobs(settings, trace, clock, seconds))
        group.create_task(_sample(stack, trace, clock, seconds))
    await asyncio.sleep(SETTLE_SECONDS)
    return trace


def every(seconds: float) -> float:
    """Seconds between faults: five minutes, or a quarter of a run that is shorter than that."""
    return min(FAULT_SECONDS, seconds / 4)


async def _inject(stack: Stack, trace: Trace, clock: Clock, seconds: float, console: Console) -> None:
    """Faults in turns; the last one leaves time to recover."""
    pause, number = every(seconds), 0
    while (start := pause * (number + 1)) < seconds - pause / 2:
        await asyncio.sleep(max(start - clock(), 0))
        name = list(FAULTS)[number % len(FAULTS)]
        begin = clock()
        await FAULTS[name](stack)
        trace.windows.append(Window(name, begin, clock()))
        console.print(f"  {begin:6.0f} s: {name}, {clock() - begin:.0f} s")
        number += 1


async def _run_jobs(settings: Settings, trace: Trace, clock: Clock, seconds: float) -> None:
    """One job after the other, with a pause; none starts in the last minute."""
    number = 0
    environment = {**os.environ, **services.importable(), **services.as_environment(settings)}
    while clock() < seconds - JOB_PAUSE_SECONDS:
        job = JOBS[number % len(JOBS)]
        start = clock()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pipelines", *job),
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await process.communicate()
        trace.jobs.append(Event(start, job[0], process.returncode or 0, clock() - start))
        if process.returncode:
            last = errors.decode(errors="replace").strip().splitlines()[-1:]
            trace.notes.append(f"{job[0]} at {start:.0f} s: {' '.join(last)[:300]}")
        number += 1
        await asyncio.sleep(min(JOB_PAUSE_SECONDS, max(seconds - clock(), 0)))


async def _sample(stack: Stack, trace: Trace, clock: Clock, seconds: float) -> None:
    while clock() < seconds:
        for name, service in stack.services.items():
            with suppress(psutil.Error, StopIteration):  # killed, or just being started again
                process = psutil.Process(stack.supervisor.pid(service))
                if process.status() != psutil.STATUS_ZOMBIE:
                    trace.samples.append(_sample_of(name, process, clock()))
        await asyncio.sleep(SAMPLE_SECONDS)


def _sample_of(name: str, leader: psutil.Process, second: float) -> Sample:
    processes = [leader, *leader.children(recursive=True)]
    mib = sum(process.memory_info().rss for process in processes) / _MIB
    return Sample(second, name, leader.pid, mib, sum(process.num_fds() for process in processes))


def missing(trace: Trace, database: Path) -> dict[str, int]:
    """How many confirmed records and entries of feedback are not in the store."""
    lost = {}
    with closing(sqlite3.connect(database)) as connection:
        for table, ids in {"record": trace.records, "feedback": trace.feedback}.items():
            rows = {row[0] for row in connection.execute(f"SELECT id FROM {table}")}
            lost[table] = len(set(ids) - rows)
    return lost
