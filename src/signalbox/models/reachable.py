"""The release of a model server that may not be reached yet."""

from __future__ import annotations

from typing import Protocol

from signalbox.contracts.record import ModelRelease
from signalbox.errors import ModelUnavailable
from signalbox.serving.reachable import reached


class Server(Protocol):
    """A client that knows what its server serves."""

    async def release(self) -> ModelRelease:
        """The release that is served."""
        ...


async def release_within(server: Server, seconds: float) -> ModelRelease:
    """The release that is served; the request is repeated for so many seconds while the server cannot be reached.

    Raises a ModelError.
    """
    return await reached(server.release, seconds, ModelUnavailable, "the model server")
