"""`signalbox labels owed`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.options import job_settings

labels = typer.Typer(name="labels", help="Ground truth from people.", no_args_is_help=True)


@labels.callback()
def _group() -> None:
    """Keep `owed` a subcommand while it is the only one."""


@labels.command()
def owed(
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days of answers, up to now.")] = 28,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List open decisions with the number of labels that would decide each, by value."""
    with job_settings("labels owed") as settings:
        from pipelines.owed import job, report

        report.show(job.owed(settings, days), as_json=as_json)
