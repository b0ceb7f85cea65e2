"""`signalbox-jobs compare`."""

from __future__ import annotations

from rich.console import Console

from pipelines.options import Limit
from signalbox.command import command_settings


def compare(limit: Limit = None) -> None:
    """Compare encoder, decoder and cascade with the baselines: accuracy, latency, memory, size."""
    with command_settings() as settings:
        from pipelines.compare import job
        from pipelines.evaluate.job import evaluate

        job.show(job.compare(settings, evaluate(settings, limit=limit)), Console())
