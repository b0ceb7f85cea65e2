"""`signalbox-jobs watch`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from pipelines.options import Routes, job_settings, parse_routes
from pipelines.watch.defaults import ALPHA, CURRENT_DAYS


def watch(
    route: Routes = None,
    alpha: Annotated[
        float,
        typer.Option(
            help="Significance level of the alarms without labels, of one run. Each run is a test of its own."
        ),
    ] = ALPHA,
    current_days: Annotated[
        int, typer.Option(min=1, max=3650, help="Most days of the window that is compared, up to now.")
    ] = CURRENT_DAYS,
) -> None:
    """Watch the certificates: suspend, restore, revoke or expire them, and write why."""
    with job_settings("watch") as settings:
        routes = parse_routes(route)
        from pipelines.watch import job, publish, report

        result = job.watch(settings, routes=routes, alpha=alpha, current_days=current_days)
        report.show(result, Console())
        publish.write_metrics(settings.state_dir / "metrics", result)
