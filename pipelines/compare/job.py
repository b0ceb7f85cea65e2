"""Compare models with each other and with baselines: which is the smallest that does it."""

from __future__ import annotations

import logging
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from pipelines.classes import Classes
from pipelines.compare.comparison import Comparison, Energy, Entry, Method, by_size, outcome_of
from pipelines.compare.models.candidates import Candidate
from pipelines.compare.models.energy import find_meter
from pipelines.compare.models.journal import Journal, Question, prompt_digest
from pipelines.compare.models.query import answers_of
from pipelines.compare.models.references import REFERENCES, replies_of
from pipelines.compare.rows import Cell, data_digest
from pipelines.compare.scoring import score
from pipelines.shards import WHOLE, Shard
from signalbox.errors import ModelError, SetupError
from signalbox.settings import Settings
from signalbox.tasks import Split, Task

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_THOUSAND, _HOUR_SECONDS = 1000, 3600
_GIB = 2**30
# What a server needs besides the file of its model: the cache of a context, buffers, the program.
_OVERHEAD_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Options:
    """Options of a comparison. `watts` is an estimate of the power for machines that do not measure it."""

    repeats: int = 1
    limit: int | None = None
    memory_limit_bytes: int | None = None
    price_per_hour: float | None = None
    currency: str = ""
    watts: float | None = None
    dcgm_url: str | None = None
    learn_from: tuple[Split, ...] = ("few-shot",)
    command: str = ""


def compare(
    settings: Settings,
    task: Task,
    cells: Sequence[Cell],
    candidates: Sequence[Candidate],
    options: Options,
    console: Console | None = None,
) -> Comparison:
    """Query one candidate after the other on all cells. One that fails or is too large is in `skipped`.

    Raises SetupError where no candidate could be queried, and InputError for an unreadable journal.
    """
    entries: list[Entry] = [baseline_entry(task, name, cells) for name in REFERENCES]
    measured, skipped = each(
        candidates, lambda candidate: measure(settings, task, cells, candidate, options, console)
    )
    entries += measured
    outcomes = tuple(outcome_of(cell, entries, task.margin) for cell in cells)
    method = method_of(task, cells, options)
    folder = next((one.folder for one in candidates if one.folder is not None), None)
    return Comparison(task.name, task.margin, by_size(entries), outcomes, method, skipped, folder)


def each(
    candidates: Sequence[Candidate], work: Callable[[Candidate], _Result]
) -> tuple[list[_Result], dict[str, str]]:
    """The results of the candidates, and the cause by name of those that failed. SetupError where all failed."""
    results: list[_Result] = []
    skipped: dict[str, str] = {}
    for candidate in candidates:
        try:
            results.append(work(candidate))
        except (ModelError, SetupError) as error:
            skipped[candidate.name] = f"{error.message} {error.hint}".strip()
            logger.warning("model skipped", extra={"model": candidate.name, "cause": skipped[candidate.name]})
    if len(skipped) == len(candidates):
        causes = "\n".join(f"{name}: {cause}" for name, cause in skipped.items())
        raise SetupError(
            f"No model could be queried.\n{causes}", hint="Fix the causes above, and compare again."
        )
    return results, skipped


def measure(
    settings: Settings,
    task: Task,
    cells: Sequence[Cell],
    candidate: Candidate,
    options: Options,
    console: Console | None = None,
) -> Entry:
    """The entry of one candidate. Raises ModelError, SetupError."""
    journal = query(settings, task, cells, candidate, options, console)
    classes = Classes.of(task)
    scores = {cell.name: score(cell, journal.replies, classes, options.repeats) for cell in cells}
    return Entry(
        candidate.name,
        candidate.kind,
        scores,
        journal.release,
        candidate.size_bytes,
        max((one.memory_bytes for one in journal.sessions if one.memory_bytes), default=None),
        _energy(journal, options),
        candidate.where,
    )


def query(
    settings: Settings,
    task: Task,
    cells: Sequence[Cell],
    candidate: Candidate,
    options: Options,
    console: Console | None = None,
    shard: Shard = WHOLE,
) -> Journal:
    """The journal of a candidate with the answers of the shard. Raises ModelError, SetupError."""
    check_memory(candidate, options.memory_limit_bytes)
    meter = find_meter(options.dcgm_url)
    questions = questions_of(cells, options.repeats)
    return answers_of(candidate, questions, answers_folder(settings, task), meter, console, shard)


def questions_of(cells: Sequence[Cell], repeats: int) -> list[Question]:
    """What every candidate is sent, one cell after the other: prompts of a language begin alike, and servers keep that part."""
    questions = [(row, 0) for cell in cells for row in cell.calibration]
    return questions + [(row, n) for cell in cells for row in cell.test for n in range(repeats)]


def baseline_entry(task: Task, name: str, cells: Sequence[Cell]) -> Entry:
    """A baseline, trained in each cell of its own. Its size is 0: it comes with the labels."""
    classes = Classes.of(task)
    scores = {cell.name: score(cell, replies_of(name, cell, classes), classes) for cell in cells}
    return Entry(name, "baseline", scores, size_bytes=0)


def check_memory(candidate: Candidate, limit_bytes: int | None) -> None:
    """Raise SetupError for a model that needs more memory than the limit."""
    if limit_bytes is None or candidate.size_bytes is None or candidate.where == "remote":
        return
    needed = candidate.size_bytes + _OVERHEAD_BYTES
    if needed > limit_bytes:
        raise SetupError(
            f"{candidate.name} needs about {needed / _GIB:.1f} GiB of memory; the limit is {limit_bytes / _GIB:.1f} GiB.",
            hint="Raise --memory-limit, or choose a smaller quantization.",
        )


def answers_folder(settings: Settings, task: Task) -> Path:
    """Folder of the journals of a task."""
    return settings.state_dir / "comparisons" / task.name / "answers"


def method_of(task: Task, cells: Sequence[Cell], options: Options) -> Method:
    """How it was measured, now and on this machine."""
    return Method(
        created=datetime.now(UTC),
        command=options.command,
        machine=_machine(),
        data_digest=data_digest(cells),
        prompt_digest=prompt_digest(task),
        repeats=options.repeats,
        limit=options.limit,
        learn_from=options.learn_from,
        price_per_hour=options.price_per_hour,
        currency=options.currency,
    )


def _energy(journal: Journal, options: Options) -> Energy | None:
    measured = [one for one in journal.sessions if one.joules is not None and one.replies]
    if measured:
        joules = sum(one.joules or 0.0 for one in measured)
        replies = sum(one.replies for one in measured)
        return Energy(
            joules / replies * _THOUSAND / _HOUR_SECONDS, f"measured by {measured[-1].energy_source}"
        )
    if options.watts is None or not journal.replies:
        return None
    seconds = [reply.seconds for reply in journal.replies.values()]
    mean = sum(seconds) / len(seconds)
    return Energy(mean * options.watts * _THOUSAND / _HOUR_SECONDS, f"estimated from {options.watts:g} W")


def _machine() -> str:
    """Processor and number of CPUs, for a reader who compares two reports."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {len(names) or 1} CPUs, {platform.system()}, Python {sys.version.split()[0]}"
