"""`signalbox-jobs judge`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.judge.defaults import CONCURRENCY, DAYS, MOST_PER_CALL, SAMPLE
from pipelines.options import LogRun, RunName, ShardIndex, Shards, job_settings, parse_routes


def judge(
    route: Annotated[
        str, typer.Option(help="Route whose answers are judged: encoder, decoder or cascade.")
    ] = "decoder",
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days of the window, up to now.")] = DAYS,
    sample: Annotated[
        int,
        typer.Option(
            min=0, help="Size of the random sample, in addition to answers with ground truth; 0 is all."
        ),
    ] = SAMPLE,
    seed: Annotated[int, typer.Option(help="Seed of the random sample.")] = 0,
    criterion: Annotated[
        list[str] | None, typer.Option(help="Name of a criterion; can be repeated. Default: all.")
    ] = None,
    per_call: Annotated[
        int, typer.Option(min=1, max=MOST_PER_CALL, help="Questions in one call to the judge.")
    ] = MOST_PER_CALL,
    shard: ShardIndex = None,
    shards: Shards = 1,
    run: RunName = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Concurrent calls.")] = CONCURRENCY,
    log_run: LogRun = True,
) -> None:
    """Grade recent answers with another model, and check its grades against human ground truth."""
    with job_settings("judge") as settings:
        (route_name,) = parse_routes([route])
        from pipelines.judge import job, report
        from pipelines.shards import shard_of

        request = job.Request(
            route_name, days, sample or None, seed, tuple(criterion or ()), per_call, run, concurrency
        )
        result = job.judge(settings, shard_of(shard, shards), request, log_run=log_run)
        if result is not None:
            report.show(result)
