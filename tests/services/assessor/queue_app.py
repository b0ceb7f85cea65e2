"""The application with texts in the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from signalbox.contracts.requests import Sampling
from signalbox.store import open_store
from tests.signalbox.request_rows import rows_of, sampling


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """In a thread of its own: playwright's synchronous interface has an event loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def fill(state_dir: Path, count: int = 3, plans: tuple[Sampling, ...] = (), **changes: Any) -> None:
    """Campaigns with `count` requests each in the store of a state folder."""

    async def write() -> None:
        async with open_store(f"sqlite:///{state_dir / 'signalbox.db'}") as store:
            for plan in plans or (sampling(),):
                records, requests = rows_of(plan, count, **changes)
                await store.requests.add_campaign(plan)
                await store.append_many(records)
                await store.requests.add_requests(requests)

    _run(write())


def states(state_dir: Path, plan: Sampling) -> list[Any]:
    """The requests of a campaign with their entries."""

    async def read() -> list[Any]:
        async with open_store(f"sqlite:///{state_dir / 'signalbox.db'}") as store:
            return list(await store.requests.states(plan.campaign.id))

    return list(_run(read()))
