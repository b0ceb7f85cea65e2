"""`signalbox-jobs calibrate`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from pipelines.options import LogRun
from signalbox.command import command_settings
from signalbox.errors import InputError


def calibrate(
    route: Annotated[str, typer.Option(help="encoder or decoder.")] = "decoder", log_run: LogRun = True
) -> None:
    """Fit the thresholds of the traffic light for a running model, on the calibration split."""
    with command_settings() as settings:
        from pipelines.calibrate import job

        model_route = next((known for known in job.MODEL_ROUTES if known == route), None)
        if model_route is None:
            raise InputError("--route", route, f"Choose {' or '.join(job.MODEL_ROUTES)}.")
        file = job.calibrate(settings, model_route, log_run=log_run)
        for language, thresholds in file.languages.items():
            Console().print(
                f"{language}: decision at p(yes) = {thresholds.decision:.3f} from {thresholds.rows} rows"
            )
