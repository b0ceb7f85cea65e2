"""The plan of a run: the answers that it selects from the record store."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pipelines.judge.run import Options, Plan, Population, RunFolder, Selection
from pipelines.windows import PAGE_ROWS, Windows, pages
from signalbox.contracts.record import Label, Record
from signalbox.contracts.routes import Route
from signalbox.store import Store
from signalbox.tasks import Task

NOT_ANSWERED = "not answered by the model"


async def agreed_plan(store: Store, task: Task, folder: RunFolder, options: Options) -> Plan:
    """The run's plan; the first shard creates it while others wait. Raises InputError for other options."""
    with folder.locked():
        plan = folder.plan()
        if plan is None:
            plan = await make_plan(store, task, options, datetime.now(UTC))
            folder.save_plan(plan)
    folder.check(plan, options)
    return plan


async def make_plan(store: Store, task: Task, options: Options, until: datetime) -> Plan:
    """All answers of the window with ground truth, a random sample of the others, and the counts left out by reason.

    An answer with ground truth that cannot be judged is in the plan, too: to leave it out would count only the answers on
    which the judge can say something.
    """
    since = until - timedelta(days=options.days)
    labels = _of_today(task, await store.labels(task.name))
    left_out: Counter[str] = Counter()
    population: dict[str, Counter[str]] = defaultdict(Counter)
    ids, unjudged = [], []
    async for record in _of_route(store, task, options.route, Windows(since, since, until)):
        reason = unfit(record)
        if reason != NOT_ANSWERED:
            population[record.language].update(_counts(record, judgeable=reason is None))
        if reason is None:
            ids.append(record.id)
            continue
        left_out[reason] += 1
        if reason != NOT_ANSWERED and record.id in labels:
            unjudged.append(record.id)
    sample = set(draw(ids, options.sample, options.seed))
    selections = [
        Selection(id=name, label=labels.get(name), sampled=name in sample)
        for name in sorted(ids)
        if name in sample or name in labels
    ]
    left_out["not in the sample"] = len(ids) - len(selections)
    selections += [
        Selection(id=name, label=labels[name], sampled=False, judgeable=False) for name in sorted(unjudged)
    ]
    return Plan(
        options=options,
        since=since,
        until=until,
        chosen=tuple(selections),
        left_out=dict(left_out),
        population={language: Population(**counts) for language, counts in population.items()},
    )


def _of_today(task: Task, labels: Mapping[str, Label]) -> dict[str, Label]:
    """Labels under their names of today; those that the task has no longer are left out."""
    names = {name: task.current(label) for name, label in labels.items()}
    return {name: label for name, label in names.items() if label is not None}


def _counts(record: Record, *, judgeable: bool) -> dict[str, int]:
    return {
        "answers": 1,
        "judgeable": int(judgeable),
        "asked": int(record.asked),
        "coverable": int(bool(record.propensity)),
    }


def unfit(record: Record) -> str | None:
    """The reason why an answer cannot be judged; None where it can."""
    if record.error is not None or record.release is None:
        return NOT_ANSWERED
    if record.input_text is None:
        return "without stored text"
    return None if record.justification else "without an answer in words"


def draw(ids: Sequence[str], size: int | None, seed: int) -> list[str]:
    """A simple random sample: the ids with the smallest hashes. A new record never changes the order of the others."""
    if size is None:
        return list(ids)
    return heapq.nsmallest(size, ids, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())


async def _of_route(store: Store, task: Task, route: Route, windows: Windows) -> AsyncIterator[Record]:
    for language in task.languages:
        async for record in pages(store, task.name, language, windows, PAGE_ROWS):
            if record.route == route:
                yield record
