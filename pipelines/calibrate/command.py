"""`signalbox-jobs calibrate`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from pipelines.options import LogRun, OneTier, job_settings
from signalbox.contracts.routes import MODELS
from signalbox.errors import InputError
from signalbox.tasks import load_task


def calibrate(
    route: Annotated[
        str | None, typer.Option(help=f"{' or '.join(MODELS)}. Default: the decoder, if there is one.")
    ] = None,
    tier: OneTier = None,
    log_run: LogRun = True,
) -> None:
    """Fit the thresholds of the traffic light for a running model, on the calibration split."""
    with job_settings("calibrate") as settings:
        from pipelines.calibrate import job, report

        name = route or settings.models[-1]
        model = next((model for model in settings.models if model == name), None)
        if model is None:
            raise InputError("--route", route, f"Choose {' or '.join(settings.models)}.")
        file = job.calibrate(settings, model, tier=tier, log_run=log_run)
        report.show(load_task(settings.task), file, Console())
