"""Usage in the store, on SQLite and Postgres."""

import asyncio
from datetime import date

from signalbox.contracts.usage import Amount, UsageKey
from signalbox.store import open_store

DAY, NEXT = date(2026, 11, 30), date(2026, 12, 1)
DECODER, ENCODER = UsageKey(DAY, "reports", "decoder"), UsageKey(NEXT, "reports", "encoder")


async def test_amounts_of_a_day_add_up(url):
    async with open_store(url) as store:
        await store.usage.add({DECODER: Amount(1, 200, 20, 0.5), ENCODER: Amount(1)})
        await store.usage.add({DECODER: Amount(2, 2**33, 10, 0.25)})
        assert await store.usage.read(DAY, NEXT) == {DECODER: Amount(3, 200 + 2**33, 30, 0.75)}
        assert set(await store.usage.read(DAY, date(2026, 12, 2))) == {DECODER, ENCODER}


async def test_two_assessors_lose_none_of_each_others_usage(url):
    async with open_store(url) as one, open_store(url) as other:
        rows = {DECODER: Amount(1, 1, 1, 0.5), ENCODER: Amount(1)}
        await asyncio.gather(*(store.usage.add(rows) for store in (one, other) for _ in range(10)))
        stored = await one.usage.read(DAY, date(2026, 12, 2))
    assert stored == {DECODER: Amount(20, 20, 20, 10.0), ENCODER: Amount(20)}
