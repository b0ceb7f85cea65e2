"""Faults in turns: kills, a pause and a locked database. Each returns when the fault is over."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from local.processes import Service, Supervisor

_DOWN_SECONDS, _PAUSE_SECONDS, _LOCK_SECONDS = 5.0, 8.0, 10.0


@dataclass(frozen=True)
class Stack:
    """The running services by name, their owner, and the file of the record store."""

    services: dict[str, Service]
    supervisor: Supervisor
    database: Path


async def _kill(stack: Stack, name: str) -> None:
    """SIGKILL, some seconds without the service, and a new start."""
    service = stack.services[name]
    os.killpg(stack.supervisor.pid(service), signal.SIGKILL)
    await asyncio.sleep(_DOWN_SECONDS)
    await asyncio.to_thread(stack.supervisor.restart, service)


async def kill_encoder(stack: Stack) -> None:
    await _kill(stack, "encoder")


async def kill_decoder(stack: Stack) -> None:
    await _kill(stack, "decoder")


async def kill_assessor(stack: Stack) -> None:
    await _kill(stack, "assessor")


async def pause_encoder(stack: Stack) -> None:
    """Stopped by signal: connections stay open and nothing answers."""
    group = stack.supervisor.pid(stack.services["encoder"])
    os.killpg(group, signal.SIGSTOP)
    try:
        await asyncio.sleep(_PAUSE_SECONDS)
    finally:
        os.killpg(group, signal.SIGCONT)


async def lock_store(stack: Stack) -> None:
    """An exclusive transaction of another connection: records go to the spool file meanwhile."""
    await asyncio.to_thread(_hold_lock, stack.database)


def _hold_lock(database: Path) -> None:
    """In one thread, since a connection of SQLite belongs to the thread that opened it."""
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(_LOCK_SECONDS)
        connection.execute("ROLLBACK")


Fault = Callable[[Stack], Awaitable[None]]
# In this order, again and again. The assessor is killed late, so that it lives long enough to show growth.
FAULTS: dict[str, Fault] = {
    "encoder killed": kill_encoder,
    "store locked": lock_store,
    "decoder killed": kill_decoder,
    "encoder paused": pause_encoder,
    "assessor killed": kill_assessor,
}
