"""Events of certificates on either database: appended, dated by the database, one for each position."""

import asyncio

from signalbox.contracts.certificate import CertificateAction, CertificateCause, CertificateEvent
from signalbox.store import open_store


def event(position: int, name: str, campaign_id: str = "one") -> CertificateEvent:
    return CertificateEvent(
        id=name,
        task="medical",
        campaign_id=campaign_id,
        certificate_id="c",
        certificate_digest="d",
        position=position,
        action=CertificateAction.SUSPEND,
        cause=CertificateCause.TEXTS,
        actor="job/watch",
        reason="the texts changed",
        details={"column": "input_text", "p_value": 0.0004, "rows": 20},
    )


async def test_an_event_comes_back_as_it_was_with_the_time_of_the_database(url):
    async with open_store(url) as store:
        before = await store.requests.now()
        stored = await store.events.append(event(0, "a"))
        after = await store.requests.now()
        assert stored is not None
        assert before <= stored.created_at <= after
        assert await store.events.of_campaign("one") == [stored]
        assert await store.events.of_task("medical") == [stored]
        assert await store.events.of_task("other") == []


async def test_a_position_and_an_id_are_there_once(url):
    async with open_store(url) as store:
        assert await store.events.append(event(0, "a"))
        assert await store.events.append(event(0, "b")) is None
        assert await store.events.append(event(1, "a")) is None
        assert await store.events.append(event(0, "c", "two"))
        assert [row.id for row in await store.events.of_campaign("one")] == ["a"]


async def test_of_writers_at_the_same_time_one_has_the_position(url):
    async with open_store(url) as first, open_store(url) as second:
        stores = [first, second] * 4
        rows = await asyncio.gather(
            *(store.events.append(event(0, f"w{number}")) for number, store in enumerate(stores))
        )
        assert sum(row is not None for row in rows) == 1
        assert len(await first.events.of_campaign("one")) == 1
