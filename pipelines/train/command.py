"""`signalbox-jobs train`."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from signalbox.command import command_settings


def train() -> None:
    """Train the encoder on the few-shot examples and the ground truth collected so far."""
    with command_settings() as settings:
        from pipelines.train import job

        result = job.train(settings)
        table = Table("candidate", "accuracy", "log loss", title=f"Cross-validation on {result.rows} rows")
        for score in result.scores:
            table.add_row(score.candidate.name, f"{score.accuracy:.2f}", f"{score.log_loss:.3f}")
        console = Console()
        console.print(table)
        console.print(f"release {result.release.key}", soft_wrap=True, highlight=False)
        console.print(f"in {result.folder}; a running encoder loads it at its next start", soft_wrap=True)
