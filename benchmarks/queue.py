"""The queue on SQLite with 10⁵ records: how long it takes to hand out a text, to store an answer, and to show the page's figures.

A campaign of 100 planned labels has 200 requests; ten times as many are the most of a campaign of 1,000. Records
and requests are written through the store; the answers are entered one after another by one reviewer, as the page does it.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.assessor.metrics import Metrics
from services.assessor.review.queue import Queue
from signalbox.contracts.certificate import Campaign, CertificateKey
from signalbox.contracts.labels import YES, yes_no
from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.record import ModelRelease, Record, text_sha256
from signalbox.contracts.requests import ReviewAction, Sampling
from signalbox.requests import requests_of
from signalbox.store import Store, open_store
from signalbox.tasks import load_task
from tests.helpers import folder_on_disk

RECORDS = 100_000
ANSWERS = 100
_AT_ONCE = 5_000
_RELEASE = ModelRelease(name="bench", revision="r1", engine="test", quantization="none")


def run() -> list[dict[str, object]]:
    """A row for each size of the queue and step."""
    with folder_on_disk() as folder:
        return [row for share in (0.002, 0.02) for row in asyncio.run(_measured(folder, share))]


async def _measured(folder: Path, share: float) -> list[dict[str, object]]:
    task = load_task(Path("tasks/medical"))
    async with open_store(f"sqlite:///{folder / f'{share}.db'}") as store:
        waiting = await _fill(store, share)
        queue = Queue(task, store, Metrics(task))
        times: dict[str, list[float]] = {"hand out": [], "store an answer": [], "figures of the page": []}
        for _ in range(ANSWERS):
            item = await _timed(times["hand out"], lambda: queue.next("ada"))
            answer = (item.id, ReviewAction.LABEL, YES)
            await _timed(times["store an answer"], lambda answer=answer: queue.enter("ada", *answer))
            await _timed(times["figures of the page"], queue.progress)
    return [
        {
            "records": RECORDS,
            "requests": waiting,
            "step": step,
            "p50 ms": 1000 * statistics.median(values),
            "p95 ms": 1000 * statistics.quantiles(values, n=20)[-1],
            "max ms": 1000 * max(values),
        }
        for step, values in times.items()
    ]


async def _timed(times: list[float], step: Callable[[], Awaitable[Any]]) -> Any:
    started = time.perf_counter()
    result = await step()
    times.append(time.perf_counter() - started)
    return result


async def _fill(store: Store, share: float) -> int:
    plan = Sampling(campaign=_campaign(), propensity=share)
    await store.requests.add_campaign(plan)
    task, count = load_task(Path("tasks/medical")), 0
    for first in range(0, RECORDS, _AT_ONCE):
        records = [_record(number) for number in range(first, first + _AT_ONCE)]
        await store.append_many(records)
        requests = requests_of(plan, records, task, known=(), excluded=())
        count += len(await store.requests.add_requests(requests))
    return count


def _campaign() -> Campaign:
    key = CertificateKey(
        task="medical",
        language="en",
        verdict=YES,
        route="encoder",
        releases=(_RELEASE,),
        prompt_digest=None,
        thresholds_digests=("0123456789abcdef",),
    )
    return Campaign(
        planned_at=datetime.now(UTC),
        key=key,
        alpha=0.1,
        delta=0.1,
        planned_labels=100,
        shares=(0.35, 0.4, 0.45, 0.5),
        thresholds=(3.0, 2.5, 2.0, 1.5),
        pool_rows=1000,
        pool_sha256="0" * 64,
    )


def _record(number: int) -> Record:
    text = f"Text {number}: the documents confirm that the requested aid is indicated."
    return Record(
        task="medical",
        language="en",
        route="encoder",
        release=_RELEASE,
        input_sha256=text_sha256(text),
        input_characters=len(text),
        input_text=text,
        verdict=YES,
        stated=YES,
        probabilities=yes_no(0.95),
        score=2.0,
        light=Light.YELLOW,
        candidate_light=Light.GREEN,
        light_reason=LightReason.PROVISIONAL,
        latency_seconds=0.01,
        thresholds_digest="0123456789abcdef",
    )
