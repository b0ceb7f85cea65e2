"""The queue on SQLite: how long it takes to hand out a text, to store an answer, and to show the page's figures and records.

A campaign of 100 planned labels has some 200 requests; ten times as many are the most of a campaign of 1,000. Records and requests
are written through the store; the answers are entered one after another by one reviewer, as the page does it. Seconds and CPU
seconds are those of the process, which is assessor and database in one. `SIGNALBOX_BENCH_ROWS` sets other numbers of records, such
as `1000000`, of which only the larger campaign is measured.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
import uuid
from collections import defaultdict
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

RECORDS = "100000"
REQUESTS = (200, 2_000)
ANSWERS = 100
_SHOWN, _PAGE_ROWS = 10, 50  # answers of a browser, rows of a page of records
_AT_ONCE = 5_000
_RELEASE = ModelRelease(name="bench", revision="r1", engine="test", quantization="none")


def run() -> list[dict[str, object]]:
    """A row for each size of the store, size of the queue, and step."""
    sizes = [int(part) for part in os.environ.get("SIGNALBOX_BENCH_ROWS", RECORDS).split(",")]
    with folder_on_disk() as folder:
        return [
            row
            for records in sizes
            for requests in (REQUESTS if records <= int(RECORDS) else REQUESTS[1:])
            for row in asyncio.run(_measured(folder, records, requests))
        ]


async def _measured(folder: Path, records: int, requests: int) -> list[dict[str, object]]:
    task = load_task(Path("tasks/medical"))
    async with open_store(f"sqlite:///{folder / f'{records}-{requests}.db'}") as store:
        waiting, shown = await _fill(store, records, requests / records)
        queue = Queue(task, store, Metrics(task))
        times: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for _ in range(ANSWERS):
            item = await _timed(times["hand out"], lambda: queue.next("ada"))
            answer = (item.id, ReviewAction.LABEL, YES)
            await _timed(times["store an answer"], lambda answer=answer: queue.enter("ada", *answer))
            await _timed(times["figures of the page"], queue.progress)
            await _timed(
                times["records of a browser"],
                lambda: asyncio.gather(*(store.get(name) for name in shown)),
            )
            newest = {"task": task.name, "language": "en", "limit": _PAGE_ROWS}
            await _timed(times["newest 50 records"], lambda newest=newest: store.records(**newest))
    return [
        {"records": records, "requests": waiting, "step": name, **_figures(own)}
        for name, own in times.items()
    ]


def _figures(times: list[tuple[float, float]]) -> dict[str, float]:
    seconds, cpu = zip(*times, strict=True)
    return {
        "p50 ms": 1000 * statistics.median(seconds),
        "p95 ms": 1000 * statistics.quantiles(seconds, n=20)[-1],
        "max ms": 1000 * max(seconds),
        "CPU p50 ms": 1000 * statistics.median(cpu),
    }


async def _timed(times: list[tuple[float, float]], step: Callable[[], Awaitable[Any]]) -> Any:
    started, cpu_started = time.perf_counter(), time.process_time()
    result = await step()
    times.append((time.perf_counter() - started, time.process_time() - cpu_started))
    return result


async def _fill(store: Store, rows: int, share: float) -> tuple[int, list[str]]:
    """The number of requests, and ids of some records."""
    plan = Sampling(campaign=_campaign(), propensity=share)
    await store.requests.add_campaign(plan)
    task, count, names = load_task(Path("tasks/medical")), 0, list[str]()
    first = _record(0)
    for start in range(0, rows, _AT_ONCE):
        records = [_like(first, number) for number in range(start, min(rows, start + _AT_ONCE))]
        await store.append_many(records)
        requests = requests_of(plan, records, task, known=(), excluded=())
        count += len(await store.requests.add_requests(requests))
        names.append(records[0].id)
    return count, names[:: max(1, len(names) // _SHOWN)][:_SHOWN]


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


def _like(first: Record, number: int) -> Record:
    """A copy, which is faster than a record that is checked."""
    text = _text(number)
    changes = {"id": str(uuid.uuid4()), "created_at": datetime.now(UTC), "input_text": text}
    changes |= {"input_sha256": text_sha256(text), "input_characters": len(text)}
    return first.model_copy(update=changes)


def _text(number: int) -> str:
    return f"Text {number}: the documents confirm that the requested aid is indicated."


def _record(number: int) -> Record:
    text = _text(number)
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
