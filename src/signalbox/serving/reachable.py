"""Wait for a server that cannot be reached yet.

A pod that has just started may be cut off by a firewall that does not know its address yet, so the retries are of this process:
a new pod would have a new address.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from signalbox.errors import SignalboxError

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
_Result = TypeVar("_Result")


async def reached(
    call: Callable[[], Awaitable[_Result]], seconds: float, unreachable: type[SignalboxError], server: str
) -> _Result:
    """What `call` returns; repeated for so many seconds while it raises `unreachable`. `server` is its name in the log."""
    left = seconds_left(seconds)
    while True:
        try:
            return await call()
        except unreachable as error:
            left_seconds = next(left, None)
            if left_seconds is None:
                raise
            log.warning("%s cannot be reached, retrying for %.0f s: %s", server, left_seconds, error.message)
        await asyncio.sleep(min(PAUSE_SECONDS, left_seconds))


def seconds_left(seconds: float) -> Iterator[float]:
    """What is left of so many seconds from now on, each time; it ends when nothing is."""
    deadline = time.monotonic() + seconds
    return iter(lambda: max(0.0, deadline - time.monotonic()), 0.0)
