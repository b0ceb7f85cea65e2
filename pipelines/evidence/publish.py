"""Publish the figures of the evidence: a run in MLflow, and the time of success for Prometheus."""

from __future__ import annotations

import dataclasses

import mlflow

from pipelines.evidence.report import flat, markdown
from pipelines.evidence.result import Result
from pipelines.sinks import mlflow_runs, textfile
from signalbox.settings import Settings


def publish(settings: Settings, result: Result, *, track: bool) -> None:
    """The textfile comes last: its time of success states that all went well."""
    if track:
        with mlflow_runs.run(
            settings, result.task, "evidence", f"evidence {result.model}", release=result.release
        ):
            log_run(result)
    textfile.write_success(settings.state_dir / "metrics", f"evidence-{result.task}-{result.model}")


def log_run(result: Result) -> None:
    """Params, metrics, the report and the rows to the active MLflow run."""
    mlflow.log_params({"model": result.model, "release": result.release[:500]})
    for language, figures in result.figures.items():
        mlflow.log_metrics({f"{name}.{language}": value for name, value in flat(figures).items()})
    mlflow.log_text(markdown(result), "evidence.md")
    mlflow.log_dict({"rows": [dataclasses.asdict(row) for row in result.rows]}, "rows.json")
