"""`signalbox-jobs train`."""

from __future__ import annotations

from rich.console import Console

from pipelines.options import job_settings


def train() -> None:
    """Train the encoder on the few-shot examples and the ground truth collected so far."""
    with job_settings("train") as settings:
        from pipelines.train import job, report

        report.show(job.train(settings), Console())
