"""Wait for a database that cannot be reached yet."""

from __future__ import annotations

from signalbox.serving.reachable import reached
from signalbox.store.backend import Backend, StoreUnreachable


async def connect_within(backend: Backend, seconds: float) -> list[str]:
    """Connect; repeated for so many seconds while the database cannot be reached. Returns what `Backend.connect` returns.

    Raises StoreUnavailable.
    """
    return await reached(backend.connect, seconds, StoreUnreachable, "the database")
