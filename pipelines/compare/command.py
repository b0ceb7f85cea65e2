"""`signalbox-jobs compare`."""

from __future__ import annotations

from rich.console import Console

from pipelines.options import Limit, job_settings


def compare(limit: Limit = None) -> None:
    """Compare encoder, decoder and cascade with the baselines: accuracy, latency, memory, size."""
    with job_settings("compare") as settings:
        from pipelines.compare import job, table
        from pipelines.evaluate.job import evaluate

        table.show(job.compare(settings, evaluate(settings, limit=limit)), Console())
