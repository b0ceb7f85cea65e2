"""`signalbox-jobs compare`."""

from __future__ import annotations

import os

from rich.console import Console

from pipelines.compare.options import (
    AllTiers,
    Currency,
    DcgmUrl,
    Languages,
    Output,
    Pool,
    Price,
    Repeats,
    RunningModels,
    Texts,
    Watts,
    command_line,
)
from pipelines.options import Limit, LogRun, RunName, ShardIndex, Shards, job_settings


def compare(
    models: RunningModels = "",
    tier: AllTiers = None,
    language: Languages = None,
    limit: Limit = None,
    repeats: Repeats = 1,
    price_per_hour: Price = None,
    currency: Currency = "",
    watts: Watts = None,
    dcgm_url: DcgmUrl = None,
    pool: Pool = False,
    texts: Texts = True,
    output: Output = None,
    log_run: LogRun = True,
    shard: ShardIndex = None,
    shards: Shards = 1,
    run_name: RunName = None,
) -> None:
    """Compare running models with each other and with baselines: which is the smallest that does it."""
    with job_settings("compare") as settings:
        from pipelines.compare.job import Options
        from pipelines.compare.models.running import running_models
        from pipelines.compare.run import Selection, Share, run
        from pipelines.shards import shard_of
        from signalbox.tasks import load_task

        task = load_task(settings.task)
        candidates = running_models(settings, task, models, os.environ)
        options = Options(
            repeats=repeats,
            limit=limit,
            price_per_hour=price_per_hour,
            currency=currency,
            watts=watts,
            dcgm_url=dcgm_url,
            learn_from=("few-shot", "pool") if pool else ("few-shot",),
            command=command_line(),
        )
        selection = Selection(tier or (), language or (), output, texts and settings.store_text, log_run)
        share = Share(shard_of(shard, shards), run_name)
        run(settings, task, candidates, selection, options, Console(), share)
