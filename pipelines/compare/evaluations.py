"""A comparison of evaluations that are there already: the routes of the running services, with the baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pipelines.baselines import check_learnable, teachable
from pipelines.classes import Classes
from pipelines.compare.comparison import Comparison, Entry, by_size, outcome_of
from pipelines.compare.job import Options, baseline_entry, method_of
from pipelines.compare.models import footprint
from pipelines.compare.models.references import REFERENCES
from pipelines.compare.rows import Cell
from pipelines.compare.scoring import Score
from pipelines.evaluate.evaluation import Evaluation
from pipelines.statistics import family_interval
from pipelines.strata import strata_of, stratum_of
from signalbox.artifacts import current_release, gguf_file
from signalbox.contracts.routes import ROUTES, ModelName
from signalbox.settings import Settings
from signalbox.tasks import Split, Task, load_all, load_task


def compare_evaluations(
    settings: Settings, evaluations: Sequence[Evaluation], options: Options
) -> Comparison:
    """The comparison of routes that were evaluated on the same rows, cascade included.

    Their cuts are those of the assessor. The order of the tests is that of sizes, since no calibration rows were
    queried.
    """
    task = load_task(settings.task)
    cells = _cells(task, evaluations[0], options.learn_from)
    entries = [baseline_entry(task, name, cells) for name in REFERENCES]
    entries += [_entry(settings, evaluation, cells) for evaluation in evaluations]
    outcomes = tuple(outcome_of(cell, entries, task.margin) for cell in cells)
    local = any("encoder" in ROUTES[one.route].models for one in evaluations) and not settings.encoder_url
    folder = current_release(settings) if local else None
    method = method_of(task, cells, options)
    return Comparison(task.name, task.margin, by_size(entries), outcomes, method, release_folder=folder)


def _cells(task: Task, evaluation: Evaluation, learn_from: Sequence[Split]) -> list[Cell]:
    """The cells of the evaluation's rows, without calibration rows; baselines learn from the splits `learn_from`."""
    classes, data = Classes.of(task), load_all(task)
    cells = []
    for stratum in strata_of(evaluation.rows):
        test = tuple(row for row in evaluation.rows if stratum_of(row) == stratum)
        here = [row for row in data if stratum_of(row) == stratum and row.split in learn_from]
        learning = teachable(classes, here)
        check_learnable(classes, learning, {stratum.language})
        cells.append(Cell(stratum, test, (), tuple(learning)))
    return cells


def _entry(settings: Settings, evaluation: Evaluation, cells: Sequence[Cell]) -> Entry:
    models = ROUTES[evaluation.route].models
    return Entry(
        evaluation.route,
        evaluation.route,
        {cell.name: _score(evaluation, cell) for cell in cells},
        evaluation.releases[-1] if len(models) == 1 else None,
        footprint.total_bytes([_SIZE[model](settings) for model in models]),
        footprint.total_bytes([_MEMORY[model](settings) for model in models]),
        where="remote" if any(_URL[model](settings) for model in models) else "local",
    )


def _score(evaluation: Evaluation, cell: Cell) -> Score:
    places = [place for place, row in enumerate(evaluation.rows) if stratum_of(row) == cell.stratum]
    records = [evaluation.records[place] for place in places]
    right = tuple(float(evaluation.right[place]) for place in places)
    return Score(
        verdicts=tuple((record.verdict,) for record in records),
        right=right,
        interval=family_interval(right, cell.families),
        seconds=tuple(record.latency_seconds for record in records),
        calibration_accuracy=None,
        cut=None,
        notes=(),
    )


def _decoder_size(settings: Settings) -> int | None:
    return None if settings.decoder_url else gguf_file(settings.decoder_model, settings).stat().st_size


def _encoder_size(settings: Settings) -> int | None:
    return None if settings.encoder_url else folder_bytes(current_release(settings))


_URL: dict[ModelName, Callable[[Settings], str | None]] = {
    "encoder": lambda s: s.encoder_url,
    "decoder": lambda s: s.decoder_url,
}
_MEMORY: dict[ModelName, Callable[[Settings], int | None]] = {
    "encoder": lambda s: None if s.encoder_url else footprint.resident_bytes(s.encoder_port),
    "decoder": lambda s: None if s.decoder_url else footprint.resident_bytes(s.decoder_port),
}
_SIZE: dict[ModelName, Callable[[Settings], int | None]] = {
    "encoder": _encoder_size,
    "decoder": _decoder_size,
}


def folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())
