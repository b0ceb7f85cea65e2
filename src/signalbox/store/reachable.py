"""Wait for a database that cannot be reached yet."""

from __future__ import annotations

import asyncio
import logging
import time

from signalbox.store.backend import Backend, StoreUnreachable

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0


async def connect_within(backend: Backend, seconds: float) -> list[str]:
    """Connect; repeated for so many seconds while the database cannot be reached. Returns what `Backend.connect` returns.

    A pod that has just started may be cut off by a firewall that does not know its address yet, so the retries are of this
    process: a new pod would have a new address. Raises StoreUnavailable.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await backend.connect()
        except StoreUnreachable as error:
            left_seconds = deadline - time.monotonic()
            if left_seconds <= 0:
                raise
            log.warning(
                "the database cannot be reached, retrying for %.0f s: %s", left_seconds, error.message
            )
        await asyncio.sleep(min(_PAUSE_SECONDS, left_seconds))
