"""A whole comparison: rows, answers, report, MLflow run."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pipelines.compare import job, publish
from pipelines.compare.comparison import Comparison
from pipelines.compare.evaluations import compare_evaluations
from pipelines.compare.models.candidates import Candidate
from pipelines.compare.rows import load_cells
from pipelines.compare.table import show
from pipelines.evaluate.evaluation import Evaluation
from signalbox.errors import SetupError
from signalbox.settings import Settings
from signalbox.tasks import Task


@dataclass(frozen=True)
class Selection:
    """Which rows: tiers and languages (empty: all), and the folder of the results."""

    tiers: Collection[str] = ()
    languages: Collection[str] = ()
    output: Path | None = None
    texts: bool = True
    log_run: bool = True


def run(
    settings: Settings,
    task: Task,
    candidates: Sequence[Candidate],
    selection: Selection,
    options: job.Options,
    console: Console,
) -> Comparison:
    """Compare, print, and publish. Raises InputError before a model is started where the rows do not allow it."""
    cells = load_cells(
        task,
        tiers=selection.tiers,
        languages=selection.languages,
        limit=options.limit,
        learn_from=options.learn_from,
    )
    with locked(job.answers_folder(settings, task)):
        comparison = job.compare(settings, task, cells, candidates, options, console)
    _publish(settings, comparison, selection, console)
    return comparison


def run_evaluations(
    settings: Settings,
    evaluations: Sequence[Evaluation],
    selection: Selection,
    options: job.Options,
    console: Console,
) -> Comparison:
    """Compare routes that were evaluated already, print, and publish; no model is queried."""
    comparison = compare_evaluations(settings, evaluations, options)
    _publish(settings, comparison, selection, console)
    return comparison


def _publish(settings: Settings, comparison: Comparison, selection: Selection, console: Console) -> None:
    folder = selection.output or settings.state_dir / "reports"
    report = publish.write_files(folder, comparison, texts=selection.texts)
    show(comparison, console)
    console.print(f"report: {report}", soft_wrap=True, markup=False, highlight=False)
    if selection.log_run:
        run_id = publish.log_run(settings, comparison, folder)
        console.print(f"MLflow run: {run_id}", markup=False, highlight=False)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """A lock for the journals of a task. SetupError where another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SetupError(
                f"Another comparison writes to {folder}.",
                hint="Wait until it is done, or set another SIGNALBOX_STATE_DIR.",
            ) from error
        yield
