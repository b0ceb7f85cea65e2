"""The baseline of the gate: a model of a comparison that was blessed, from a file or from an MLflow run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException

from pipelines.compare import results
from pipelines.compare.comparison import Entry
from pipelines.compare.results import SavedComparison, SavedModel
from pipelines.compare.rows import Cell, row_key
from pipelines.compare.scoring import Score, share_right
from pipelines.statistics import family_interval
from signalbox.contracts.labels import listed
from signalbox.errors import InputError, SetupError
from signalbox.settings import Settings
from signalbox.tasks import Task


def load_baseline(settings: Settings, task: Task, text: str) -> SavedComparison:
    """The comparison of an MLflow run id, or in a file. Raises InputError, SetupError."""
    path = Path(text)
    saved = results.load(path) if path.is_file() else _from_mlflow(settings, text)
    if saved.task != task.name:
        hint = f"Give a comparison of the task {task.name}."
        raise InputError(
            "--baseline", text, hint, problem=f"The baseline is of the task {saved.task}, not of {task.name}."
        )
    return saved


def select_model(saved: SavedComparison, name: str | None, candidate: str) -> SavedModel:
    """The model with this name, else the candidate's, else the only one. Raises InputError that lists the names."""
    models = {model.name: model for model in saved.models if model.kind != "baseline"}
    if name is not None:
        models |= {model.name: model for model in saved.models}
    if (choice := name or candidate) in models:
        return models[choice]
    if name is None and len(models) == 1:
        return next(iter(models.values()))
    raise InputError("--baseline", f"…#{choice}", f"Choose one with `RUN#NAME`: {listed(models)}.")


def matching_cells(saved: SavedModel, cells: Sequence[Cell]) -> tuple[list[Cell], int]:
    """The cells with the rows that the baseline answered, and how many rows it did not. Raises InputError for none."""
    answered = {answer.row for answer in saved.answers if answer.verdicts}
    matching, missing = [], 0
    for cell in cells:
        test = tuple(row for row in cell.test if row_key(row) in answered)
        missing += len(cell.test) - len(test)
        if test:
            matching.append(Cell(cell.stratum, test, cell.calibration, cell.learning))
    if not matching:
        raise InputError(
            "--baseline",
            saved.name,
            "It answered none of today's test rows: compare again and bless that run.",
        )
    return matching, missing


def baseline_scores(saved: SavedModel, cells: Sequence[Cell]) -> Entry:
    """The baseline as an entry; its verdicts count against the labels of today."""
    by_row = {answer.row: answer.verdicts for answer in saved.answers}
    return Entry(saved.name, "decoder", {cell.name: _score(cell, by_row) for cell in cells}, saved.release)


def _score(cell: Cell, by_row: Mapping[str, tuple[str, ...]]) -> Score:
    verdicts = tuple(by_row[row_key(row)] for row in cell.test)
    right = tuple(share_right(row.label, own) for row, own in zip(cell.test, verdicts, strict=True))
    return Score(verdicts, right, family_interval(right, cell.families), (), None, None, ())


def _from_mlflow(settings: Settings, run_id: str) -> SavedComparison:
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow.set_tracking_uri(settings.mlflow_base_url)
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path=results.FILE_NAME, dst_path=folder
            )
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                hint = f"Give the id of a run of `compare`, or the path of its {results.FILE_NAME}."
                raise InputError(
                    "--baseline", run_id, hint, problem=f"No file and no run `{run_id}`."
                ) from error
            raise SetupError(
                f"MLflow at {settings.mlflow_base_url} does not give run {run_id}: {str(error)[:200]}",
                hint=f"Start MLflow, set SIGNALBOX_MLFLOW_URL, or give the path of {results.FILE_NAME}.",
            ) from error
        except OSError as error:
            hint = "Give the id of a run of `compare`; other runs have no answers."
            problem = f"The run {run_id} has no {results.FILE_NAME}."
            raise InputError("--baseline", run_id, hint, problem=problem) from error
        return results.load(Path(path))
