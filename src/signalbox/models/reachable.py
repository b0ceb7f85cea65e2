"""Wait for a model server that cannot be reached yet."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Protocol

from signalbox.contracts.record import ModelRelease
from signalbox.errors import ModelUnavailable

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0


class Server(Protocol):
    """A client that knows what its server serves."""

    async def release(self) -> ModelRelease:
        """The release that is served."""
        ...


async def release_within(server: Server, seconds: float) -> ModelRelease:
    """The release that is served; the request is repeated for so many seconds while the server cannot be reached.

    A pod that has just started may be cut off by a firewall that does not know its address yet, so the retries are of this
    process: a new pod would have a new address. Raises a ModelError.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await server.release()
        except ModelUnavailable as error:
            left_seconds = deadline - time.monotonic()
            if left_seconds <= 0:
                raise
            log.warning(
                "the model server cannot be reached, retrying for %.0f s: %s", left_seconds, error.message
            )
        await asyncio.sleep(min(_PAUSE_SECONDS, left_seconds))
