"""`signalbox-jobs train`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from pipelines.options import OneTier, job_settings

Pool = Annotated[
    int | None,
    typer.Option(min=0, help="Rows of the pool split to learn from, per language and label. Default: all."),
]


def train(tier: OneTier = None, pool: Pool = None) -> None:
    """Train the encoder on the few-shot examples, the pool and the ground truth collected so far."""
    with job_settings("train") as settings:
        from pipelines.train import job, report

        report.show(job.train(settings, tier=tier, pool=pool), Console())
