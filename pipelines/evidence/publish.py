"""Publish the figures of the evidence: a run in MLflow, and the time of success for Prometheus."""

from __future__ import annotations

import dataclasses

from pipelines.evidence.report import flat, markdown
from pipelines.evidence.result import Result
from pipelines.sinks import textfile, tracking
from signalbox.settings import Settings


def publish(settings: Settings, result: Result, *, track: bool) -> None:
    """The textfile comes last: its time of success states that all went well."""
    if track:
        name = f"evidence {result.model}"
        with tracking.run(settings, result.task, "evidence", name, release=result.release) as run:
            log_run(run, result)
    textfile.write_success(settings.state_dir / "metrics", f"evidence-{result.task}-{result.model}")


def log_run(run: tracking.Run, result: Result) -> None:
    """Params, metrics, the report and the rows."""
    run.log_params({"model": result.model, "release": result.release[:500]})
    for language, figures in result.figures.items():
        run.log_metrics({f"{name}.{language}": value for name, value in flat(figures).items()})
    run.log_text(markdown(result), "evidence.md")
    run.log_dict({"rows": [dataclasses.asdict(row) for row in result.rows]}, "rows.json")
