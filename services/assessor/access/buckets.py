"""Token buckets: the rate limit of each client. Pure but for the state in it; time is passed in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class Buckets:
    """One bucket per client, full at first. They are local to this process: N pods together allow N times the limit."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def take(self, client: str, per_minute: int, burst: int, now: float) -> float:
        """Take a token of a client. 0 if there was one, else the seconds until there is.

        `per_minute`: refill rate; `burst`: size of the bucket; `now`: seconds of a monotonic clock.
        """
        bucket = self._buckets.setdefault(client, _Bucket(burst, now))
        # A limit that was lowered meanwhile empties the bucket down to its new size.
        refill = (now - bucket.filled_at) * per_minute / 60
        bucket.tokens, bucket.filled_at = min(burst, bucket.tokens + refill), now
        if bucket.tokens < 1:
            return (1 - bucket.tokens) * 60 / per_minute
        bucket.tokens -= 1
        return 0.0

    def keep(self, clients: set[str]) -> None:
        """Drop the buckets of all other clients."""
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if name in clients}
