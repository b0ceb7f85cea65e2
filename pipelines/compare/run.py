"""A whole comparison: rows, answers, report, MLflow run."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pipelines.compare import job, publish
from pipelines.compare.comparison import Comparison
from pipelines.compare.evaluations import compare_evaluations
from pipelines.compare.models.candidates import Candidate
from pipelines.compare.rows import Cell, load_cells, row_key
from pipelines.compare.table import show
from pipelines.evaluate.evaluation import Evaluation
from pipelines.shards import WHOLE, Shard, locked, run_name
from signalbox.errors import SetupError
from signalbox.settings import Settings
from signalbox.tasks import Task

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Selection:
    """Which rows: tiers and languages (empty: all), and the folder of the results."""

    tiers: Collection[str] = ()
    languages: Collection[str] = ()
    output: Path | None = None
    texts: bool = True
    log_run: bool = True


@dataclass(frozen=True)
class Share:
    """The part of a run that this process does, and the name of the run. None: that of the Indexed Job."""

    shard: Shard = WHOLE
    run: str | None = None


def run(
    settings: Settings,
    task: Task,
    candidates: Sequence[Candidate],
    selection: Selection,
    options: job.Options,
    console: Console,
    share: Share | None = None,
) -> Comparison | None:
    """Compare, print, and publish. Raises InputError before a model is started where the rows do not allow it.

    A shard queries its share of the rows. The shard that sees all of them finished compares, once for a run; the others return
    None.
    """
    cells = load_cells(
        task,
        tiers=selection.tiers,
        languages=selection.languages,
        limit=options.limit,
        learn_from=options.learn_from,
    )
    share = share or Share()
    if not share.shard.is_whole:
        return _run_shard(settings, task, candidates, cells, selection, options, console, share)
    with answers_lock(settings, task):
        comparison = job.compare(settings, task, cells, candidates, options, console)
    _publish(settings, comparison, selection, console)
    return comparison


def _run_shard(
    settings: Settings,
    task: Task,
    candidates: Sequence[Candidate],
    cells: Sequence[Cell],
    selection: Selection,
    options: job.Options,
    console: Console,
    share: Share,
) -> Comparison | None:
    shard, name = share.shard, run_name(share.run, share.shard, "")
    folder = job.answers_folder(settings, task) / "shards" / _digest(candidates, cells, options)
    with answers_lock(settings, task, shard):
        job.each(candidates, lambda one: job.query(settings, task, cells, one, options, console, shard))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{shard}").touch()
    with locked(folder / "lock"):
        missing = [n for n in range(shard.count) if not (folder / f"{Shard(n, shard.count)}").exists()]
        published = folder / f"published-{name}"
        logger.info("shard finished", extra={"run": name, "shard": shard.index, "missing": len(missing)})
        if missing or published.exists():
            return None
        comparison = job.compare(settings, task, cells, candidates, options, console)
        _publish(settings, comparison, selection, console)
        published.touch()
        return comparison


def _digest(candidates: Sequence[Candidate], cells: Sequence[Cell], options: job.Options) -> str:
    """Digest of the work that shards share: which models are sent which rows."""
    digest = hashlib.sha256()
    for candidate in candidates:
        digest.update(f"{candidate.name}|{candidate.identity}|{candidate.prompt}\n".encode())
    for row, repeat in job.questions_of(cells, options.repeats):
        digest.update(f"{row_key(row)}|{repeat}\n".encode())
    return digest.hexdigest()[:12]


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


def answers_lock(settings: Settings, task: Task, shard: Shard = WHOLE) -> AbstractContextManager[None]:
    """A lock for the journals of a task, or for those of a shard. SetupError where another process holds it."""
    folder = job.answers_folder(settings, task)
    busy = SetupError(
        f"Another comparison writes to {folder}.",
        hint="Wait until it is done, or set another SIGNALBOX_STATE_DIR.",
    )
    return locked(folder / (".lock" if shard.is_whole else f".lock-{shard}"), busy=busy)
