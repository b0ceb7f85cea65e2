"""Which answers a run of the judge takes from the record store."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from pipelines.judge.run import Chosen, Options, Plan, RunFolder
from pipelines.windows import PAGE_ROWS, Windows, pages
from signalbox.contracts.record import Label, Record, Route
from signalbox.store import Store
from signalbox.tasks import Task


async def agreed_plan(store: Store, task: Task, folder: RunFolder, options: Options) -> Plan:
    """The run's plan; the first shard makes it while others wait. Raises InputError for other options."""
    with folder.locked():
        plan = folder.plan()
        if plan is None:
            plan = await make_plan(store, task, options, datetime.now(UTC))
            folder.save_plan(plan)
    folder.check(plan, options)
    return plan


async def make_plan(store: Store, task: Task, options: Options, until: datetime) -> Plan:
    """All answers of the window with ground truth, and a random sample of the others; what is left out, and why."""
    since = until - timedelta(days=options.days)
    labels: dict[str, Label] = {row.id: row.label for row in await store.ground_truth(task.name)}
    left_out: Counter[str] = Counter()
    ids = []
    async for record in _of_route(store, task, options.route, Windows(since, since, until)):
        if reason := unfit(record):
            left_out[reason] += 1
        else:
            ids.append(record.id)
    drawn = set(draw(ids, options.sample, options.seed))
    chosen = [
        Chosen(id=name, label=labels.get(name), sampled=name in drawn)
        for name in sorted(ids)
        if name in drawn or name in labels
    ]
    left_out["not in the sample"] = len(ids) - len(chosen)
    return Plan(options=options, since=since, until=until, chosen=tuple(chosen), left_out=dict(left_out))


def unfit(record: Record) -> str | None:
    """Why an answer cannot be judged, None where it can."""
    if record.error is not None or record.release is None:
        return "not answered by the model"
    if record.input_text is None:
        return "without stored text"
    return None if record.justification else "without an answer in words"


def draw(ids: Sequence[str], size: int | None, seed: int) -> list[str]:
    """A simple random sample: the ids with the least hashes. A new record never changes the order of the others."""
    if size is None:
        return list(ids)
    return heapq.nsmallest(size, ids, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())


async def _of_route(store: Store, task: Task, route: Route, windows: Windows) -> AsyncIterator[Record]:
    for language in task.languages:
        async for record in pages(store, task.name, language, windows, PAGE_ROWS):
            if record.route == route:
                yield record
