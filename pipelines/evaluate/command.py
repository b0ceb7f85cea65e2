"""`signalbox-jobs evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from pipelines.options import Limit, Routes, ShardIndex, Shards, Tiers, job_settings, parse_routes

Fresh = Annotated[bool, typer.Option(help="Ignore earlier answers and re-run.")]

Justified = Annotated[
    int,
    typer.Option(
        min=0,
        help="Rows per tier, language and label that a decoder justifies. Lengths, latency and speed are of these.",
    ),
]


def evaluate(
    route: Routes = None,
    tier: Tiers = None,
    limit: Limit = None,
    justified: Justified = 3,
    fresh: Fresh = False,
    shard: ShardIndex = None,
    shards: Shards = 1,
) -> None:
    """Evaluate the running services on the test split."""
    with job_settings("evaluate") as settings:
        routes = parse_routes(route, settings.routes)
        from pipelines.evaluate import job
        from pipelines.evaluate.report import markdown
        from pipelines.shards import shard_of

        evaluations = job.evaluate(
            settings,
            routes=routes,
            tiers=tier,
            limit=limit,
            justified=justified,
            fresh=fresh,
            shard=shard_of(shard, shards),
        )
        for evaluation in evaluations:
            Console().print(Markdown(markdown(evaluation)))
