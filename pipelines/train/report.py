"""A trained release for a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from pipelines.train.release import TrainedRelease


def show(result: TrainedRelease, console: Console) -> None:
    """The candidates' scores, and where the release is."""
    table = Table("", "candidate", "accuracy", "log loss", title=f"Cross-validation on {result.rows} rows")
    for score in result.scores:
        mark = "→" if score.candidate == result.candidate else ""
        table.add_row(mark, score.candidate.name, f"{score.accuracy:.2f}", f"{score.log_loss:.3f}")
    console.print(table)
    console.print(f"release {result.release.key}", soft_wrap=True, highlight=False)
    console.print(f"in {result.folder}; the encoder loads it at its next start", soft_wrap=True)
