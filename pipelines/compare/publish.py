"""Publish a comparison: files in the state folder, and a run in MLflow with the digest of its data."""

from __future__ import annotations

from pathlib import Path

from pipelines.compare import results
from pipelines.compare.comparison import Comparison, Entry
from pipelines.compare.report.page import page
from pipelines.compare.table import markdown
from pipelines.sinks import textfile, tracking
from signalbox.io import write_whole
from signalbox.settings import Settings


def write_files(folder: Path, comparison: Comparison, *, texts: bool = True) -> Path:
    """Write report, table and answers; returns the path of the report. `texts`: whether the report has those that flip."""
    contents = {
        "comparison.md": markdown(comparison),
        results.FILE_NAME: results.save(comparison),
        "comparison.html": page(comparison, texts=texts),
    }
    for name, content in contents.items():
        write_whole(folder / name, content)
    return folder / "comparison.html"


def log_run(settings: Settings, comparison: Comparison, folder: Path) -> str:
    """Log the files, the figures and the digest of the data to MLflow; returns the id of the run."""
    with tracking.run(settings, comparison.task, "compare", "compare") as run:
        run.log_dataset(settings, comparison.task, comparison.method.data_digest, "test")
        run.log_params(_params(comparison))
        for entry in comparison.entries:
            run.log_metrics(_figures(comparison, entry))
        for name in ("comparison.md", results.FILE_NAME, "comparison.html"):
            run.log_file(folder / name)
    textfile.write_success(settings.state_dir / "metrics", f"compare-{comparison.task}")
    return run.run_id


def _params(comparison: Comparison) -> dict[str, object]:
    """What was compared and how, and what is concluded."""
    method = comparison.method
    params: dict[str, object] = {
        "models": ",".join(entry.name for entry in comparison.entries)[:500],
        "data_digest": method.data_digest,
        "prompt_digest": method.prompt_digest,
        "margin": comparison.margin,
        "repeats": method.repeats,
    }
    for outcome in comparison.outcomes:
        params[f"does_it.{outcome.cell.name}"] = outcome.conclusion.model or "not shown"
    return params


def _figures(comparison: Comparison, entry: Entry) -> dict[str, float]:
    """Accuracy by cell with the bound of its loss, and the seconds of an answer. Never one number for two cells."""
    figures: dict[str, float] = {}
    for outcome in comparison.outcomes:
        if entry.name in {finding.name for finding in outcome.conclusion.findings}:
            finding = outcome.conclusion.finding(entry.name)
            figures[f"accuracy.{entry.name}.{outcome.cell.name}"] = finding.accuracy
            figures[f"loss_bound.{entry.name}.{outcome.cell.name}"] = finding.upper
    if entry.seconds:
        figures[f"seconds_p50.{entry.name}"] = entry.seconds[0.5]
    return figures
