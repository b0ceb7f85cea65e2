"""`signalbox-jobs golden`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from pipelines.options import Routes, job_settings, parse_routes
from signalbox.contracts.routes import routes_over


def golden(
    route: Routes = None,
    bless: Annotated[
        bool, typer.Option("--bless", help="Accept the answers of now as the ones to compare with.")
    ] = False,
) -> None:
    """Compare the answers to the golden rows with the blessed ones."""
    with job_settings("golden") as settings:
        routes = parse_routes(route, routes_over(settings.models))
        from pipelines.golden import job, publish

        result = job.golden(settings, routes, bless=bless)
        publish.show(result, Console())
        publish.write_metrics(settings.state_dir / "metrics", result)
