"""Query a release on the rows of a baseline and decide whether it may serve."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import mlflow
from rich.console import Console

from pipelines.compare import job as compare_job
from pipelines.compare.bill import Loss, loss_of
from pipelines.compare.comparison import Entry
from pipelines.compare.job import Options
from pipelines.compare.models.candidates import Candidate
from pipelines.compare.rows import load_cells
from pipelines.compare.run import Selection, answers_lock
from pipelines.gate import champion
from pipelines.gate.baseline import baseline_scores, load_baseline, matching_cells, select_model
from pipelines.gate.decision import Outcome, confidence_of_failure, decide
from pipelines.gate.exits import Decision
from pipelines.sinks import datasets, mlflow_runs, textfile
from signalbox.io import write_whole
from signalbox.settings import Settings
from signalbox.tasks import Task

logger = logging.getLogger(__name__)

FILE_NAME = "gate.json"


@dataclass(frozen=True)
class Gate:
    """A gate's result: the baseline, the release, their losses by cell, and the verdict."""

    baseline: Entry
    candidate: Entry
    losses: tuple[Loss, ...]
    margin: float
    verdict: Outcome
    missing_rows: int


def gate(
    settings: Settings,
    task: Task,
    candidate: Candidate,
    baseline: str,
    selection: Selection,
    options: Options,
    console: Console | None = None,
) -> Gate:
    """Run the gate. `baseline` is `RUN` or `RUN#MODEL`. Raises InputError, SetupError, ModelError: it is broken then."""
    run, _, name = baseline.partition("#")
    saved = select_model(load_baseline(settings, task, run), name or None, candidate.name)
    cells = load_cells(task, tiers=selection.tiers, languages=selection.languages, limit=options.limit)
    cells, missing = matching_cells(saved, cells)
    with answers_lock(settings, task):
        entry = compare_job.measure(settings, task, cells, candidate, options, console)
    reference = baseline_scores(saved, cells)
    confidence = confidence_of_failure(len(cells))
    losses = tuple(loss_of(cell, reference, entry, task.margin, confidence) for cell in cells)
    return Gate(reference, entry, losses, task.margin, decide(losses, task.margin), missing)


def publish(settings: Settings, task: Task, result: Gate, *, log_run: bool) -> Path:
    """Write the result as JSON, log it to MLflow if wanted, and write the time of success. Returns the path."""
    path = settings.state_dir / "reports" / FILE_NAME
    write_whole(path, json.dumps(as_dict(result), indent=1, ensure_ascii=False) + "\n")
    if log_run:
        with mlflow_runs.run(settings, task.name, "gate", "gate", release=_release(result.candidate)):
            rows = [row for loss in result.losses for row in loss.cell.test]
            datasets.log_rows(settings, task.name, rows, "test")
            mlflow.log_params({"decision": result.verdict.decision.name.lower(), "margin": result.margin})
            mlflow.log_metrics({f"loss_bound.{loss.cell.name}": loss.upper for loss in result.losses})
            mlflow.log_artifact(str(path))
            if result.verdict.decision is Decision.PASSED and (
                version := champion.move_alias(task.name, result.candidate.release)
            ):
                mlflow.set_tag("signalbox.champion", version)
                logger.info("alias moved", extra={"alias": champion.ALIAS, "version": version})
    textfile.write_success(settings.state_dir / "metrics", f"gate-{task.name}")
    logger.info("gate decided", extra={"decision": result.verdict.decision.name.lower()})
    return path


def as_dict(result: Gate) -> dict[str, object]:
    """The result for a file, without texts."""
    return {
        "decision": result.verdict.decision.name.lower(),
        "text": result.verdict.text,
        "margin": result.margin,
        "baseline": _release(result.baseline),
        "release": _release(result.candidate),
        "rows_without_baseline": result.missing_rows,
        "cells": [_cell(loss) for loss in result.losses],
    }


def _release(entry: Entry) -> str:
    return entry.release.key if entry.release else entry.name


def _cell(loss: Loss) -> dict[str, object]:
    return {
        "tier": loss.cell.stratum.tier,
        "language": loss.cell.stratum.language,
        "rows": len(loss.cell.test),
        "loss": round(loss.difference, 4),
        "upper": round(loss.upper, 4),
        "status": loss.status.value,
        "rows_more": loss.rows_more,
        "flips": len(loss.flips),
    }
