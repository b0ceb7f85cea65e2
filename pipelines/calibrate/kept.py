"""Answers to the calibration rows, kept for a release: another release before it in a route needs only a new fit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipelines.compare.rows import row_key
from signalbox.certificate.keys import prompt_digest
from signalbox.contracts.record import LabeledText, ModelRelease
from signalbox.contracts.routes import ModelName
from signalbox.io import write_whole
from signalbox.models.base import Answer
from signalbox.settings import Settings
from signalbox.tasks import Task

_ANSWERS = TypeAdapter(list[Answer])


def path_of(
    settings: Settings, task: Task, model: ModelName, release: ModelRelease, rows: Sequence[LabeledText]
) -> Path:
    """The file for a release; its name changes with the prompt and the rows."""
    prompts = (str(prompt_digest(task, language, model)) for language in task.languages)
    content = [release.key, *prompts, *map(row_key, rows)]
    digest = hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]
    return settings.state_dir / "calibrations" / f"{task.name}-{model}-{digest}.json"


def load(path: Path) -> list[Answer] | None:
    """The answers in the order of the rows; None where there are none that can be read."""
    try:
        return _ANSWERS.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def save(path: Path, results: Sequence[object]) -> None:
    """Write the answers; not if the model failed on a row, which it may answer the next time."""
    answers = [result for result in results if isinstance(result, Answer)]
    if len(answers) == len(results):
        write_whole(path, _ANSWERS.dump_json(answers))
