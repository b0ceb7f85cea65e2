"""Datasets of MLflow runs: the rows by their digest. No text leaves the task."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

from signalbox.contracts.record import LabeledText
from signalbox.settings import Settings

Context = Literal["training", "calibration", "test"]
_DIGEST_CHARACTERS = 16


def rows_digest(rows: Iterable[LabeledText]) -> str:
    """A digest of rows with their labels, the same in any order."""
    digest = hashlib.sha256()
    for line in sorted(row.model_dump_json() for row in rows):
        digest.update(line.encode())
    return digest.hexdigest()[:_DIGEST_CHARACTERS]


def source_tags(settings: Settings) -> dict[str, str]:
    """Where the rows are."""
    return {"task": str(settings.task), "file": "data.jsonl"}


def log_rows(settings: Settings, task: str, rows: Iterable[LabeledText], context: Context) -> None:
    """Log the dataset of the active run."""
    log_digest(settings, task, rows_digest(rows), context)


def log_digest(settings: Settings, task: str, digest: str, context: Context) -> None:
    """Log the dataset of the active run by a digest that is known."""
    import mlflow  # noqa: PLC0415 - seconds, and not needed for a plain server
    from mlflow.data.code_dataset_source import CodeDatasetSource  # noqa: PLC0415
    from mlflow.data.meta_dataset import MetaDataset  # noqa: PLC0415

    source = CodeDatasetSource(source_tags(settings))
    # mypy: the base class leaves `profile` abstract, and the class can be created all the same.
    mlflow.log_input(MetaDataset(source, name=task, digest=digest), context=context)  # type: ignore[abstract]
