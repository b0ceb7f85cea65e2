"""Token buckets: how many requests a client may still make. Pure but for the state it keeps; time is passed in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class Buckets:
    """One bucket a client, full at first. Kept in this process: N pods together let through N times as much."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def take(self, client: str, per_minute: int, burst: int, now: float) -> float:
        """Take a token of a client. 0 when there was one, else the seconds until there is.

        `per_minute`: tokens that flow in; `burst`: what the bucket holds; `now`: seconds of a steady clock.
        """
        bucket = self._buckets.setdefault(client, _Bucket(burst, now))
        # A limit that was lowered meanwhile empties the bucket down to its new size.
        flowed_in = (now - bucket.filled_at) * per_minute / 60
        bucket.tokens, bucket.filled_at = min(burst, bucket.tokens + flowed_in), now
        if bucket.tokens < 1:
            return (1 - bucket.tokens) * 60 / per_minute
        bucket.tokens -= 1
        return 0.0

    def keep(self, clients: set[str]) -> None:
        """Forget clients that are gone from the file."""
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if name in clients}
