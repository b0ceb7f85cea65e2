"""The answers of a comparison as JSON: what MLflow keeps, and what `gate` reads as its baseline. Without texts."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from pipelines.compare.comparison import Comparison, Entry
from pipelines.compare.rows import Cell, row_key
from signalbox.contracts.labels import Label, Verdict
from signalbox.contracts.record import Contract, ModelRelease, Tier
from signalbox.errors import InputError

FILE_NAME = "answers.json"


class SavedAnswer(Contract):
    """The verdicts on one row, one a repeat; `row` is the digest of its text and language."""

    row: str
    tier: Tier | None
    language: str
    label: Label
    verdicts: tuple[Verdict, ...]


class SavedModel(Contract):
    """A model or a baseline of a comparison."""

    name: str
    kind: str
    release: ModelRelease | None
    size_bytes: int | None
    answers: tuple[SavedAnswer, ...]


class SavedComparison(Contract):
    """The file. A later version of it is another `schema_version`."""

    schema_version: Literal[1] = 1
    task: str
    margin: float = Field(gt=0, lt=1)
    data_digest: str
    prompt_digest: str
    models: tuple[SavedModel, ...]


def save(comparison: Comparison) -> str:
    """The JSON of a comparison."""
    cells = [outcome.cell for outcome in comparison.outcomes]
    saved = SavedComparison(
        task=comparison.task,
        margin=comparison.margin,
        data_digest=comparison.method.data_digest,
        prompt_digest=comparison.method.prompt_digest,
        models=tuple(_model(entry, cells) for entry in comparison.entries),
    )
    return saved.model_dump_json(indent=1) + "\n"


def load(path: Path) -> SavedComparison:
    """The comparison in a file. Raises InputError where it is none."""
    try:
        return SavedComparison.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError("--baseline", str(path), f"The file cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        hint = f"Give the {FILE_NAME} of a comparison. {where}: {first['msg']}."
        raise InputError(
            "--baseline", str(path), hint, problem=f"{path} has no answers of a comparison."
        ) from error


def _model(entry: Entry, cells: list[Cell]) -> SavedModel:
    answers = [
        SavedAnswer(
            row=row_key(row),
            tier=cell.stratum.tier,
            language=cell.stratum.language,
            label=row.label,
            verdicts=verdicts,
        )
        for cell in cells
        if cell.name in entry.scores
        for row, verdicts in zip(cell.test, entry.scores[cell.name].verdicts, strict=True)
    ]
    return SavedModel(
        name=entry.name,
        kind=entry.kind,
        release=entry.release,
        size_bytes=entry.size_bytes,
        answers=tuple(answers),
    )
