"""Requests from records that arrive while a campaign is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.assessor.metrics import Metrics
from services.assessor.review import refill as module
from services.assessor.review.refill import Refill
from signalbox.contracts.record import Feedback, Record
from signalbox.contracts.requests import Review, ReviewAction
from signalbox.store import Store, StoreUnavailable, open_store
from signalbox.store.requests import RequestStore
from signalbox.tasks import load_task
from tests.helpers import record
from tests.services.assessor.page_app import TASK
from tests.signalbox.request_rows import sampling

PLANNED = datetime(2026, 11, 1, tzinfo=UTC)
PLAN = sampling(planned_at=PLANNED).model_copy(update={"propensity": 1.0})


def _answer(number: int, **changes: Any) -> Record:
    fields = {"score": 2.0, "created_at": PLANNED + timedelta(minutes=number)}
    return record(f"text {number}", thresholds_digest="0123456789abcdef", **{**fields, **changes})


async def _refill(store: Store) -> tuple[Refill, Metrics]:
    task = load_task(TASK)
    metrics = Metrics(task)
    await store.requests.add_campaign(PLAN)
    return Refill(task, store, metrics), metrics


async def test_new_answers_of_the_zone_join_the_queue_once(tmp_path: Path) -> None:
    async with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        refill, _ = await _refill(store)
        await store.append_many([_answer(1), _answer(2), _answer(3, score=1.0), _answer(-60)])
        assert await refill.run_once() == 2
        assert await refill.run_once() == 0
        await store.append(_answer(4))
        assert await refill.run_once() == 1
        again, _ = await _refill(store)
        assert await again.run_once() == 0


async def test_records_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 3)
    async with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        refill, _ = await _refill(store)
        await store.append_many([_answer(number) for number in range(10)])
        assert await refill.run_once() == 10


async def test_more_records_of_one_time_than_a_part_has_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 3)
    at_once = {"created_at": PLANNED + timedelta(minutes=20)}
    async with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        refill, _ = await _refill(store)
        await store.append_many([_answer(number, **at_once) for number in range(8)])
        await store.append(_answer(40))
        assert await refill.run_once() == 9
        await store.append(_answer(60))
        assert await refill.run_once() == 1


@pytest.mark.parametrize("method", ["excluded_hashes", "add_requests"])
async def test_answers_wait_for_the_next_time_while_the_store_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    async def unavailable(*_: object) -> None:
        raise StoreUnavailable("the database went away")

    async with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        refill, _ = await _refill(store)
        # Longer ago than the overlap that is read again, but for the last one.
        await store.append_many([_answer(1), _answer(2), _answer(30)])
        with monkeypatch.context() as broken:
            broken.setattr(RequestStore, method, unavailable)
            with pytest.raises(StoreUnavailable):
                await refill.run_once()
        assert await refill.run_once() == 3
        assert await refill.run_once() == 0


async def test_a_text_with_a_label_is_not_requested(tmp_path: Path) -> None:
    async with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        refill, _ = await _refill(store)
        row = _answer(1)
        await store.append(row)
        await store.add_feedback(Feedback(prediction_id=row.id, label="yes"))
        assert await refill.run_once() == 0


async def test_the_length_of_the_queue_is_a_metric(tmp_path: Path) -> None:
    async with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        refill, metrics = await _refill(store)
        await store.append_many([_answer(1), _answer(2)])
        await refill.run_once()
        taken = await store.requests.take_next("medical", "ada")
        assert taken is not None
        review = Review(**taken[0].model_dump(), action=ReviewAction.LABEL, label="yes")
        await store.requests.add_review(review)
        await refill.run_once()
        page = metrics.page().decode()
    row = 'signalbox_queue_waiting_requests{language="en",route="encoder",task="medical",verdict="yes"} 1.0'
    assert row in page
