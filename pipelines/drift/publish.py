"""Publish a run of the drift job: files, an MLflow run, metrics for Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import mlflow

from pipelines.drift.comparison import Verdict
from pipelines.drift.report import Report, as_dict, markdown
from pipelines.sinks import mlflow_runs, textfile
from signalbox.contracts import metrics as names
from signalbox.contracts.routes import Route
from signalbox.io import write_whole
from signalbox.settings import Settings

_NOT_IN_A_METRIC = re.compile(r"[^A-Za-z0-9_.\-]")  # MLflow allows a slash only in a clean path


def publish(settings: Settings, report: Report, *, log_run: bool = True, pages: Sequence[Path] = ()) -> None:
    """A JSON file per route, an MLflow run, and last, because its time of success states that all went well, a textfile."""
    folder = settings.state_dir / "reports"
    for route in report.routes:
        path = folder / f"drift-{report.task}-{route}.json"
        text = json.dumps(as_dict(report, report.of(route)), indent=2, allow_nan=False)
        write_whole(path, text + "\n")
    if log_run:
        with mlflow_runs.run(settings, report.task, "drift", "drift"):
            _log(report)
            for page in pages:
                mlflow.log_artifact(str(page))
    for route in report.routes:
        write_metrics(settings.state_dir / "metrics", report, route)


def write_metrics(folder: Path, report: Report, route: Route) -> Path:
    """Write `drift-TASK-ROUTE.prom`; too few rows give row counts and no verdict."""
    values: textfile.Values = []
    for row in report.of(route):
        where = (report.task, row.group.language, route, row.group.release, row.column)
        values += [
            (names.DRIFT_ROWS, (*where, "reference"), float(row.reference)),
            (names.DRIFT_ROWS, (*where, "current"), float(row.current)),
        ]
        if row.outcome is not None:
            values += [
                (names.DRIFT_DETECTED, where, float(row.verdict is Verdict.DRIFT)),
                (names.DRIFT_P_VALUE, where, row.p_adjusted),
                (names.DRIFT_EFFECT, (*where, row.outcome.measure), row.outcome.effect),
            ]
    job = f"drift-{report.task}-{route}"
    values.append(textfile.succeeded(job))
    return textfile.write_values(folder / f"{job}.prom", values)


def _log(report: Report) -> None:
    windows = {name: moment.isoformat() for name, moment in asdict(report.windows).items()}
    mlflow.log_params({**windows, "alpha": report.alpha, "correction": report.correction})
    mlflow.log_metrics({verdict.name.lower(): report.count(verdict) for verdict in Verdict})
    for row in report.comparisons:
        if row.outcome is not None and row.p_adjusted is not None:
            where = f"{row.column}.{row.group.language}.{row.group.route}.{row.group.release}"
            where = _NOT_IN_A_METRIC.sub("_", where)[:200]
            mlflow.log_metrics({f"p.{where}": row.p_adjusted, f"effect.{where}": row.outcome.effect})
    mlflow.log_text(markdown(report), "drift.md")
    mlflow.log_dict(as_dict(report, report.comparisons), "drift.json")
