"""`signalbox-jobs evidence`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from pipelines.options import Limit, LogRun, job_settings
from signalbox.contracts.routes import MODELS
from signalbox.errors import InputError

Models = Annotated[
    list[str] | None, typer.Option("--model", help="encoder or decoder; can be repeated. Default: all.")
]
Orders = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Rows per language and label whose orders are measured; the others have pointing only. Default: all.",
    ),
]
Fresh = Annotated[bool, typer.Option(help="Ignore earlier measurements and re-run.")]


def evidence(
    model: Models = None,
    limit: Limit = None,
    orders: Orders = None,
    fresh: Fresh = False,
    track: LogRun = True,
) -> None:
    """Measure how faithful the evidence of the running models is, on texts whose decisive sentence is known."""
    with job_settings("evidence") as settings:
        for name in model or ():
            if name not in settings.models:
                raise InputError("--model", name, f"Choose {' or '.join(settings.models)}.")
        from pipelines.evidence import job
        from pipelines.evidence.report import markdown

        names = [name for name in MODELS if name in (model or settings.models)]
        for result in job.measure_evidence(
            settings, models=names, limit=limit, orders=orders, track=track, fresh=fresh
        ):
            Console().print(Markdown(markdown(result)))
