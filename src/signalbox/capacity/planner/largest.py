"""The largest context that fits, to the token."""

from __future__ import annotations

from dataclasses import replace

from signalbox.capacity.memory import budget
from signalbox.capacity.spec import Spec


def largest_context(spec: Spec, requests: int = 1) -> int:
    """Tokens per request up to the model's positions, with that many concurrent requests; 0 where nothing fits.

    Each step plans the engine anew, since its buffers depend on the context. More context never needs less memory.
    """
    if not _holds(spec, 1, requests):
        return 0
    low, high = 1, spec.model.max_positions
    if _holds(spec, high, requests):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _holds(spec, middle, requests) else (low, middle)
    return low


def _holds(spec: Spec, context: int, requests: int) -> bool:
    memory = budget(replace(spec, context=context))
    return memory.fits and memory.max_concurrency >= requests
