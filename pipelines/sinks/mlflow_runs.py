"""Runs in MLflow through its client, which then is the module `mlflow`: one experiment per task, one run per job."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException

from pipelines.sinks.source import JOB_TAG, RELEASE_TAG, job_tags
from signalbox.errors import SetupError
from signalbox.settings import Settings

__all__ = ["JOB_TAG", "RELEASE_TAG", "registered_model", "run"]


@contextlib.contextmanager
def run(settings: Settings, task: str, job: str, name: str, *, release: str = "") -> Iterator[Any]:
    """An MLflow run, with the key of its release; SetupError where the server does not answer.

    MLflow retries for minutes by default, which looks like a hang: two tries are enough on one network.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(settings.mlflow_base_url)
    try:
        mlflow.set_experiment(task)
        context = mlflow.start_run(run_name=name, tags=job_tags(job, release))
    except MlflowException as error:
        raise SetupError(
            f"MLflow at {settings.mlflow_base_url} does not answer: {str(error)[:200]}",
            hint="Start it with `signalbox serve`, or set SIGNALBOX_MLFLOW_URL.",
        ) from error
    with context as active:
        yield active


def registered_model(task: str) -> str:
    """The registered model whose versions are the trained encoders of a task."""
    return f"signalbox-{task}-encoder"
