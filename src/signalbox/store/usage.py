"""Usage by day, client and model in the record store. It outlives the records, which retention deletes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date

from signalbox.contracts.usage import Amount, UsageKey
from signalbox.store.requests import Database

# Added to what other assessors wrote for the same day.
_ADD = """INSERT INTO client_usage (day, client, model, requests, prompt_tokens, completion_tokens, seconds)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (day, client, model) DO UPDATE SET
requests = client_usage.requests + excluded.requests,
prompt_tokens = client_usage.prompt_tokens + excluded.prompt_tokens,
completion_tokens = client_usage.completion_tokens + excluded.completion_tokens,
seconds = client_usage.seconds + excluded.seconds"""
_READ = """SELECT day, client, model, requests, prompt_tokens, completion_tokens, seconds FROM client_usage
WHERE day >= ? AND day < ? ORDER BY day, client, model"""


class UsageStore:
    """Raises StoreUnavailable when the database cannot be reached."""

    def __init__(self, database: Database, connect: Callable[[], Awaitable[None]]) -> None:
        self._database, self._connect = database, connect

    async def add(self, amounts: Mapping[UsageKey, Amount]) -> None:
        """Add to what is stored, all or none."""
        await self._connect()
        # In one order, so that two assessors never wait for each other's rows.
        rows = [(key.day.isoformat(), key.client, key.model, *amounts[key]) for key in sorted(amounts)]
        await self._database.change([(_ADD, row) for row in rows])

    async def read(self, since: date, until: date) -> dict[UsageKey, Amount]:
        """Usage from the first day up to, and without, the last."""
        await self._connect()
        rows = await self._database.fetch(_READ, (since.isoformat(), until.isoformat()))
        return {
            UsageKey(date.fromisoformat(str(row[0])), str(row[1]), str(row[2])): Amount(
                int(str(row[3])), int(str(row[4])), int(str(row[5])), float(str(row[6]))
            )
            for row in rows
        }
