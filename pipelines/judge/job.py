"""Judge answers of the record store with another model.

Criteria that must not show the ground truth share one call per answer; those that show it have another one. Shares of one
plan go to shards; the shard that sees all of them finished writes the summary. An interrupted run continues where it was.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.judge.client import JudgeClient, make_judge
from pipelines.judge.criteria import Criterion, digest, load_criteria, select_criteria
from pipelines.judge.defaults import CONCURRENCY, DAYS, MOST_PER_CALL, SAMPLE
from pipelines.judge.figures import Report, make_report
from pipelines.judge.grading import Grader
from pipelines.judge.plan import agreed_plan
from pipelines.judge.publish import publish
from pipelines.judge.run import Options, Plan, RunFolder
from pipelines.shards import Shard, run_name
from signalbox.contracts.routes import Route
from signalbox.errors import SetupError
from signalbox.models.reachable import release_within
from signalbox.settings import Settings
from signalbox.store import store_of
from signalbox.tasks import Task, load_task

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """The request for a run, before the judge's release is known."""

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
) -> Report | None:
    """Judge a shard; the report of the whole run after its last shard, None while others are unfinished.

    Raises InputError, SetupError, StoreUnavailable, or the ModelError that made the shard give up; rows up to then are
    kept.
    """
    client = client or make_judge(settings, concurrency=request.concurrency)
    task = load_task(settings.task)
    criteria = select_criteria(load_criteria(task), request.criteria)
    folder, plan = asyncio.run(_judge(settings, task, criteria, shard, request, client))
    with folder.locked():
        missing = folder.missing(plan.options.shards)
        fields = {"run": folder.name, "shard": shard.index, "missing": len(missing)}
        logger.info("shard finished", extra=fields)
        if missing:
            return None
        report = make_report(folder.name, plan, folder.rows(plan.options.shards), criteria)
        if not folder.published:
            publish(settings, folder, report, log_run=log_run)
            logger.info("run published", extra={"run": folder.name, "answers": report.rows})
        return report


async def _judge(
    settings: Settings,
    task: Task,
    criteria: Sequence[Criterion],
    shard: Shard,
    request: Request,
    client: JudgeClient,
) -> tuple[RunFolder, Plan]:
    try:
        async with store_of(settings) as store:
            release = (await release_within(client, settings.server_wait_seconds)).key
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
                grader = Grader(store, task, criteria, plan, client)
                rows = await grader.grade_shard(folder, shard, request.concurrency)
                if (await client.release()).key != release:
                    raise SetupError("The judge's release changed during the run.", hint="Start another run.")
                folder.finish(shard, rows)
    finally:
        await client.close()
    return folder, plan


def _default_name(options: Options) -> str:
    """The same on one day for the same options, so that a second try continues the run."""
    fingerprint = hashlib.sha256(options.model_dump_json().encode()).hexdigest()[:8]
    return f"{options.task}-{options.route}-{datetime.now(UTC):%Y-%m-%d}-{fingerprint}"
