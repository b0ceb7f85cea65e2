"""Answers in pages: all of them, oldest first, and those of one time together."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signalbox.contracts.record import Record
from signalbox.requests.answers import answer_pages
from signalbox.requests.run import _count, _requests
from signalbox.requests.sampling import Frame, requests_of
from signalbox.store import Store, open_store
from signalbox.tasks import load_task
from tests.helpers import record
from tests.signalbox.request_rows import sampling

START = datetime(2026, 11, 1, 9, tzinfo=UTC)
TASK = load_task(Path("tasks/medical"))


def answers() -> list[Record]:
    """2,400 texts in the zone or below it: some come again, three share a time, and 1,300 more have one time."""
    rows = []
    for number in range(3_700):
        seconds = number // 3 if number < 2_400 else 400
        rows.append(
            record(
                f"text {number % 2_000}",
                id=f"record-{number * 7_919 % 3_700:05}",
                created_at=START + timedelta(seconds=seconds),
                score=number * 31 % 400 / 100,
                thresholds_digest="0123456789abcdef" if number % 11 else "f" * 16,
                source="user" if number % 13 else "evaluation",
            )
        )
    return rows


async def all_answers(store: Store) -> list[Record]:
    return await store.records(task="medical", language="en", source="user", newest_first=False)


@pytest.mark.parametrize("rows", [1, 50, 5_000])
async def test_pages_have_each_answer_once_and_those_of_one_time_together(url: str, rows: int) -> None:
    async with open_store(url) as store:
        await store.append_many(answers()[2_300:2_700])
        pages = [page async for page in answer_pages(store, "medical", "en", rows=rows)]
        assert [row for page in pages for row in page] == await all_answers(store)
    times = [{row.created_at for row in page} for page in pages]
    assert sum(map(len, times)) == len(set().union(*times))


async def test_pages_begin_at_a_time(url: str) -> None:
    async with open_store(url) as store:
        await store.append_many(answers()[:60])
        since = START + timedelta(seconds=10)
        pages = [page async for page in answer_pages(store, "medical", "en", since=since, rows=7)]
        expected = [row for row in await all_answers(store) if row.created_at >= since]
        assert [row for page in pages for row in page] == expected
        assert [page async for page in answer_pages(store, "medical", "de")] == [[]]


async def test_requests_drawn_from_pages_are_those_of_all_records(url: str) -> None:
    plan = sampling()
    rows = answers()
    excluded = {row.input_sha256 for row in rows[::17]}
    known = {row.input_sha256 for row in rows[5::19]}

    def frame() -> Frame:
        return Frame(plan.campaign, TASK, known=known, excluded=excluded)

    async with open_store(url) as store:
        await store.append_many(rows)
        records = await store.records(task="medical", language="en", source="user")
        everyone = plan.model_copy(update={"propensity": 1.0})
        inside = requests_of(everyone, records, TASK, known=known, excluded=excluded)
        assert await _count(store, plan.campaign.key, frame()) == len(inside) > 500
        expected = requests_of(plan, records, TASK, known=known, excluded=excluded)
        drawn = await _requests(store, plan, frame())
    without_id = {"id": ""}
    assert [row.model_copy(update=without_id) for row in drawn] == [
        row.model_copy(update=without_id) for row in expected
    ]
