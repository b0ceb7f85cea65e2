"""The queue's rows on both databases: nothing lost, nothing counted twice, nothing handed out twice."""

import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta

import pytest

from signalbox.contracts.requests import Assignment, Review, ReviewAction
from signalbox.errors import InputError, NotFoundError
from signalbox.store import Store, StoreUnavailable, open_store, request_sql
from signalbox.store.databases.sqlite import SqliteBackend
from tests.signalbox.request_rows import rows_of, sampling

PLAN = sampling()


async def _filled(store: Store, count: int = 3, **changes: object) -> None:
    records, requests = rows_of(PLAN, count, **changes)
    await store.requests.add_campaign(PLAN)
    await store.append_many(records)
    await store.requests.add_requests(requests)


def _review(assignment: Assignment, action: str = "label", label: str | None = "yes") -> Review:
    return Review(**assignment.model_dump(), action=ReviewAction(action), label=label)


async def _labels(store: Store) -> list[str | None]:
    states = await store.requests.states(PLAN.campaign.id)
    return [state.newest.label if state.newest else None for state in states]


async def test_a_reviewer_keeps_a_request_until_it_has_an_entry(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store)
        first = await store.requests.take_next("medical", "ada")
        assert first is not None
        assert await store.requests.take_next("medical", "ada") == first
        assert first[1].input_text == "en yes text 0"
        await store.requests.add_review(_review(first[0]))
        second = await store.requests.take_next("medical", "ada")
        assert second is not None
        assert second[1].input_text == "en yes text 1"


async def test_two_assessors_never_hand_out_one_request_twice(url: str) -> None:
    async with open_store(url) as one, open_store(url) as other:
        await _filled(one, 12)
        stores = [one, other] * 6
        taken = await asyncio.gather(
            *(store.requests.take_next("medical", f"reviewer-{n}") for n, store in enumerate(stores))
        )
        names = [item[0].request_id for item in taken if item]
        assert len(names) == len(set(names)) == 12
        assert await one.requests.take_next("medical", "late") is None


async def test_a_request_whose_time_ran_out_goes_to_another_reviewer(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store, 1)
        late = await store.requests.take_next("medical", "ada", lease_seconds=-1)
        taken = await store.requests.take_next("medical", "bob")
        assert late is not None
        assert taken is not None
        assert taken[0].request_id == late[0].request_id
        with pytest.raises(NotFoundError, match="You do not have the request"):
            await store.requests.add_review(_review(late[0]))
        await store.requests.add_review(_review(taken[0], label="no"))
        assert await _labels(store) == ["no"]


async def test_a_delivery_that_comes_twice_counts_once(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store, 1)
        taken = await store.requests.take_next("medical", "ada")
        assert taken is not None
        assert await store.requests.add_review(_review(taken[0])) is True
        assert await store.requests.add_review(_review(taken[0])) is False
        with pytest.raises(InputError, match="has another entry"):
            await store.requests.add_review(_review(taken[0], label="no"))
        (state,) = await store.requests.states(PLAN.campaign.id)
        assert [entry.label for entry in state.entries] == ["yes"]


async def test_a_skipped_request_comes_again_after_the_others(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store, 2)
        texts = []
        for action in ("skip", "label", "label"):
            taken = await store.requests.take_next("medical", "ada")
            assert taken is not None
            texts.append(taken[1].input_text)
            await store.requests.add_review(_review(taken[0], action, "yes" if action == "label" else None))
        assert texts == ["en yes text 0", "en yes text 1", "en yes text 0"]
        assert await store.requests.take_next("medical", "ada") is None


async def test_what_cannot_be_judged_does_not_come_again(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store, 1)
        taken = await store.requests.take_next("medical", "ada")
        assert taken is not None
        await store.requests.add_review(_review(taken[0], "unjudgeable", None))
        assert await store.requests.take_next("medical", "bob") is None
        (state,) = await store.requests.states(PLAN.campaign.id)
        assert state.is_done
        assert state.newest is not None
        assert state.newest.action is ReviewAction.UNJUDGEABLE


async def test_an_undo_is_a_row_and_hands_the_request_out_again(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store, 2)
        taken = await store.requests.take_next("medical", "ada")
        assert taken is not None
        await store.requests.add_review(_review(taken[0]))
        again = await store.requests.undo("medical", "ada")
        assert again is not None
        assert again[1] == taken[1]
        assert await _labels(store) == [None, None]
        assert await store.requests.undo("medical", "ada") is None
        await store.requests.add_review(_review(again[0], label="no"))
        states = await store.requests.states(PLAN.campaign.id)
        assert [entry.action for entry in states[0].entries] == ["label", "undo", "label"]
        assert await _labels(store) == ["no", None]


async def test_an_undo_takes_back_the_newest_entry_of_its_own_task(url: str) -> None:
    key = PLAN.campaign.key.model_copy(update={"task": "tickets"})
    other = sampling(key=key)
    records, requests = rows_of(other, 1, task="tickets", prefix="ticket")
    async with open_store(url) as store:
        await _filled(store, 1)
        await store.requests.add_campaign(other)
        await store.append_many([row.model_copy(update={"task": "tickets"}) for row in records])
        await store.requests.add_requests(requests)
        for task in ("medical", "tickets"):
            taken = await store.requests.take_next(task, "ada")
            assert taken is not None
            await store.requests.add_review(_review(taken[0]))
        again = await store.requests.undo("medical", "ada")
        assert again is not None
        assert again[1].input_text == "en yes text 0"
        assert await store.requests.undo("medical", "ada") is None
        (ticket,) = await store.requests.states(other.campaign.id)
        assert [entry.action for entry in ticket.entries] == ["label"]


async def test_an_entry_that_is_too_old_is_not_undone(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store, 1)
        taken = await store.requests.take_next("medical", "ada")
        assert taken is not None
        await store.requests.add_review(_review(taken[0]))
        assert await store.requests.undo("medical", "ada", undo_seconds=-1) is None
        assert await store.requests.undo("medical", "bob") is None


async def test_the_second_review_is_for_another_person(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store, 1, second=True)
        first = await store.requests.take_next("medical", "ada")
        assert first is not None
        await store.requests.add_review(_review(first[0]))
        assert await store.requests.take_next("medical", "ada") is None
        second = await store.requests.take_next("medical", "bob")
        assert second is not None
        assert (first[0].slot, second[0].slot) == (1, 2)


async def test_a_text_is_requested_once_whatever_asks_for_it(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store, 2)
        _, again = rows_of(PLAN, 3)
        assert await store.requests.add_requests(again) == [again[2].id]


async def test_an_older_campaign_of_the_same_answers_hands_out_nothing(url: str) -> None:
    newer = sampling()
    async with open_store(url) as store:
        await _filled(store, 2)
        await store.requests.add_campaign(newer)
        assert await store.requests.take_next("medical", "ada") is None
        assert await store.requests.open_campaigns("medical") == [newer]
        assert await store.requests.add_campaign(newer) is False


async def test_a_language_limits_what_is_handed_out(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store, 1)
        assert await store.requests.take_next("medical", "ada", "de") is None
        assert await store.requests.take_next("medical", "ada", "en") is not None


async def test_a_request_without_its_record_is_not_handed_out_and_its_label_stays(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store, 2)
        taken = await store.requests.take_next("medical", "ada")
        assert taken is not None
        await store.requests.add_review(_review(taken[0]))
        await store.purge(datetime.now(UTC) + timedelta(days=1))
        assert await store.requests.take_next("medical", "ada") is None
        assert await _labels(store) == ["yes", None]


async def test_labels_of_the_queue_are_ground_truth_with_the_newest_entry(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store, 1, context=("A passage.",))
        taken = await store.requests.take_next("medical", "ada")
        assert taken is not None
        await store.requests.add_review(_review(taken[0]))
        again = await store.requests.undo("medical", "ada")
        assert again is not None
        assert await store.ground_truth("medical") == []
        await store.requests.add_review(_review(again[0], label="no"))
        (text,) = await store.ground_truth("medical")
        assert (text.text, text.context, text.label) == ("en yes text 0", ("A passage.",), "no")


async def test_labels_entered_elsewhere_are_stored_all_or_none(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store, 2)
        states = await store.requests.states(PLAN.campaign.id)
        names = [state.request.id for state in states]
        taken = await store.requests.take_next("medical", "ada")
        with pytest.raises(StoreUnavailable):
            await store._backend.change(
                [(request_sql.ENTER_ASSIGNMENT, ("file", names[0])), ("INSERT INTO nowhere VALUES (1)", ())]
            )
        assert await store.requests.take_next("medical", "ada") == taken
        await store.requests.enter([(name, ReviewAction.LABEL, "no") for name in names], "file")
        assert await _labels(store) == ["no", "no"]
        await store.requests.enter([(names[1], ReviewAction.LABEL, "yes")], "file")
        assert sorted(map(str, await _labels(store))) == ["no", "yes"]


_KILLED = """
import asyncio, os, signal, sys
from signalbox.contracts.requests import Review, ReviewAction
from signalbox.store import open_store

async def main():
    store = await open_store(sys.argv[1]).open()
    assignment, _ = await store.requests.take_next("medical", "ada")
    await store.requests.add_review(
        Review(**assignment.model_dump(), action=ReviewAction.LABEL, label="yes"))
    os.kill(os.getpid(), signal.SIGKILL)  # before anything else is computed or closed

asyncio.run(main())
"""


async def test_a_process_that_is_killed_after_a_label_loses_nothing(url: str) -> None:
    async with open_store(url) as store:
        await _filled(store, 2)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _KILLED, url)
    assert await process.wait() == -signal.SIGKILL
    async with open_store(url) as store:
        assert await _labels(store) == ["yes", None]


async def test_what_the_queue_reads_uses_indexes(tmp_path: object) -> None:
    from signalbox.store import request_sql as sql
    from signalbox.store.portable import sqlite_form

    backend = SqliteBackend(tmp_path / "store.db")  # type: ignore[operator]
    await backend.connect()
    for statement, values in (
        (sql.HELD, ("ada", "medical", "", "", 1)),
        (sql.FRESH[1], ("campaign", "ada")),
        (sql.FRESH[2], ("campaign", "ada")),
        (sql.AGAIN, ("campaign", 2, "ada")),
        (sql.ASKED_REQUESTS, ("campaign",)),
        (sql.COUNT, ("campaign",)),
        (sql.UNDOABLE, ("ada", "medical", 1.0)),
        (sql.ASKED, ("campaign",)),
        (sql.REVIEWS, ("campaign",)),
    ):
        plan = await backend._rows(f"EXPLAIN QUERY PLAN {sqlite_form(statement)}", values)
        steps = [str(row[3]) for row in plan]
        scans = [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]
        # `s` is the table of the two slots.
        assert [scan for scan in scans if scan not in ("SCAN s", "SCAN CONSTANT ROW")] == [], steps
    await backend.close()
