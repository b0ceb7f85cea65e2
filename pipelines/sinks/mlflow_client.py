"""A run through MLflow's own client, with all that it supports: databases, credentials, plugins, stores of artifacts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow

from pipelines.sinks import datasets, mlflow_runs
from signalbox.settings import Settings


@dataclass(frozen=True)
class ClientRun:
    """The active run of this process."""

    run_id: str

    def log_params(self, params: Mapping[str, object]) -> None:
        mlflow.log_params(dict(params))

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        mlflow.log_metrics(dict(metrics))

    def set_tag(self, key: str, value: str) -> None:
        mlflow.set_tag(key, value)

    def log_dataset(self, settings: Settings, task: str, digest: str, context: datasets.Context) -> None:
        datasets.log_digest(settings, task, digest, context)

    def log_text(self, text: str, name: str) -> None:
        mlflow.log_text(text, name)

    def log_dict(self, content: Mapping[str, object], name: str) -> None:
        mlflow.log_dict(dict(content), name)

    def log_figure(self, figure: Any, name: str) -> None:  # noqa: ANN401 - a Figure of matplotlib
        mlflow.log_figure(figure, name)

    def log_file(self, path: Path) -> None:
        mlflow.log_artifact(str(path))


@contextlib.contextmanager
def run(settings: Settings, task: str, job: str, name: str, release: str) -> Iterator[ClientRun]:
    """The same run as `tracking.run`."""
    with mlflow_runs.run(settings, task, job, name, release=release) as active:
        yield ClientRun(str(active.info.run_id))
