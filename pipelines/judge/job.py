"""Let a further model judge answers of the record store: `signalbox-jobs judge --route decoder`.

Criteria that must not know the ground truth share one call an answer; those that show it have another one. Shards take their
part of one plan; the one that finds all of them done writes the summary. A run that was broken off goes on where it was.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import Progress

from pipelines.judge import report
from pipelines.judge.client import JudgeClient, Score, make_judge, prompt_for
from pipelines.judge.criteria import Criterion, calls, choose, digest, load_criteria
from pipelines.judge.defaults import CONCURRENCY, DAYS, MOST_PER_CALL, SAMPLE
from pipelines.judge.plan import agreed_plan
from pipelines.judge.run import DELETED, Chosen, Options, Plan, Row, RunFolder, Shard, run_name
from signalbox.contracts.record import Route
from signalbox.errors import ModelError, ModelUnavailable, SetupError
from signalbox.settings import Settings
from signalbox.store import Store, open_store
from signalbox.tasks import Task, load_task

logger = logging.getLogger(__name__)

MOST_FAILURES = 0.1  # of a shard's answers; with more the judge is at fault, not the answer


@dataclass(frozen=True)
class Request:
    """What a run is asked for, before it is known which release judges."""

    route: Route = "decoder"
    days: int = DAYS
    sample: int | None = SAMPLE
    seed: int = 0
    criteria: tuple[str, ...] = ()
    per_call: int = MOST_PER_CALL
    run: str | None = None
    concurrency: int = CONCURRENCY


def judge(
    settings: Settings,
    shard: Shard,
    request: Request,
    *,
    log_run: bool = True,
    client: JudgeClient | None = None,
) -> report.Report | None:
    """Judge a shard; the report of the whole run where this shard was the last one, None where others are at work.

    Raises InputError, SetupError, StoreUnavailable, or the ModelError that made the shard give up; what was judged
    until then is kept.
    """
    judging = client or make_judge(settings, concurrency=request.concurrency)
    task = load_task(settings.task)
    criteria = choose(load_criteria(task), request.criteria)
    folder, plan = asyncio.run(_judge(settings, task, criteria, shard, request, judging))
    with folder.locked():
        missing = folder.missing(plan.options.shards)
        if missing:
            logger.info("shard done run=%s shard=%d missing=%d", folder.name, shard.index, len(missing))
            return None
        found = report.report(folder.name, plan, folder.rows(plan.options.shards), criteria)
        if not folder.published:
            report.publish(settings, folder, found, log_run=log_run)
        return found


async def _judge(
    settings: Settings,
    task: Task,
    criteria: Sequence[Criterion],
    shard: Shard,
    request: Request,
    client: JudgeClient,
) -> tuple[RunFolder, Plan]:
    try:
        async with open_store(settings.store_url) as store:
            release = (await client.release()).key
            options = Options(
                task=task.name,
                route=request.route,
                days=request.days,
                sample=request.sample,
                seed=request.seed,
                shards=shard.count,
                judge=release,
                criteria=digest(criteria),
                per_call=request.per_call,
            )
            folder = RunFolder(settings.state_dir, run_name(request.run, shard, _default_name(options)))
            plan = await agreed_plan(store, task, folder, options)
            if not folder.shard(shard).exists():
                rows = await _rows(store, task, criteria, folder, plan, shard, client, request.concurrency)
                if (await client.release()).key != release:
                    raise SetupError("The judge's release changed during the run; start another one.")
                folder.finish(shard, rows)
    finally:
        await client.close()
    return folder, plan


def _default_name(options: Options) -> str:
    """The same on one day for the same options, so that a second try goes on."""
    fingerprint = hashlib.sha256(options.model_dump_json().encode()).hexdigest()[:8]
    return f"{options.task}-{options.route}-{datetime.now(UTC):%Y-%m-%d}-{fingerprint}"


async def _rows(
    store: Store,
    task: Task,
    criteria: Sequence[Criterion],
    folder: RunFolder,
    plan: Plan,
    shard: Shard,
    client: JudgeClient,
    concurrency: int,
) -> list[Row]:
    """One row for each answer of the shard. A ModelError when the judge is not there or fails too often.

    Rows without a reply are not journalled: another try asks for them again.
    """
    mine = [one for one in plan.chosen if shard.holds(one.id)]
    done = folder.begun(shard)
    queue = [one for one in mine if one.id not in done]
    failed: list[Row] = []
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("judging", total=len(mine), completed=len(mine) - len(queue))

        async def work() -> None:
            while queue:
                row, cause = await _row(store, task, criteria, plan, queue.pop(), client)
                if row.error is None:
                    folder.add(shard, row)
                    done[row.id] = row
                else:
                    failed.append(row)
                    if cause is not None and len(failed) > max(3, MOST_FAILURES * len(mine)):
                        raise cause
                progress.advance(bar)

        workers = [asyncio.ensure_future(work()) for _ in range(concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
    if failed:
        logger.warning("no reply from the judge answers=%d of=%d", len(failed), len(mine))
    return [*(done[one.id] for one in mine if one.id in done), *failed]


async def _row(
    store: Store,
    task: Task,
    criteria: Sequence[Criterion],
    plan: Plan,
    chosen: Chosen,
    client: JudgeClient,
) -> tuple[Row, ModelError | None]:
    record = await store.get(chosen.id)
    if record is None:
        row = Row(
            id=chosen.id,
            language="",
            label=None,
            right=None,
            sampled=chosen.sampled,
            own_answer=False,
            propensity=1.0,
            scores={},
            error=DELETED,
        )
        return row, None
    scores: dict[str, Score] = {}
    cause: ModelError | None = None
    for asked in calls(criteria, plan.options.per_call, labelled=chosen.label is not None):
        try:
            given = await client.scores(prompt_for(task, record, asked, chosen.label), len(asked))
        except ModelUnavailable:
            raise
        except ModelError as error:
            cause = error
            break
        scores.update({criterion.name: score for criterion, score in zip(asked, given, strict=True)})
    row = Row(
        id=record.id,
        language=record.language,
        label=chosen.label,
        right=None if chosen.label is None else record.verdict.value == chosen.label,
        sampled=chosen.sampled,
        own_answer=record.release is not None and record.release.key == plan.options.judge,
        propensity=record.sampling_propensity,
        scores=scores if cause is None else {},
        error=None if cause is None else type(cause).__name__,
    )
    return row, cause
