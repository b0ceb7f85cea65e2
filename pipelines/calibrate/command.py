"""`signalbox-jobs calibrate`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from pipelines.options import LogRun, OneTier, job_settings
from signalbox.contracts.routes import ROUTES, routes_over
from signalbox.errors import InputError
from signalbox.tasks import load_task


def calibrate(
    route: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(ROUTES)}. Default: the decoder, if there is one. With the decoder, the cascade is calibrated too."
        ),
    ] = None,
    tier: OneTier = None,
    log_run: LogRun = True,
) -> None:
    """Fit the thresholds of the traffic light for a running model, on the calibration split."""
    with job_settings("calibrate") as settings:
        from pipelines.calibrate import job, report

        routes = routes_over(settings.models)
        name = route or settings.models[-1]
        model = next((ROUTES[one].models[-1] for one in routes if one == name), None)
        if model is None:
            raise InputError("--route", route, f"Choose {', '.join(routes)}.")
        file = job.calibrate(settings, model, tier=tier, log_run=log_run)
        report.show(load_task(settings.task), file, Console())
