"""The alias `champion` of the registered model: the release that passed the gate last. Nothing else moves it."""

from __future__ import annotations

import logging
import re

import mlflow
from mlflow.exceptions import MlflowException

from pipelines.sinks.mlflow_runs import RELEASE_TAG, registered_model
from signalbox.contracts.record import ModelRelease

logger = logging.getLogger(__name__)

ALIAS = "champion"
_REVISION = re.compile(r"v(\d+)-[0-9a-f]{8}")


def move_alias(task: str, release: ModelRelease | None) -> str | None:
    """Point the alias to the version of a release; returns the version. None: MLflow has no version of this release.

    Only trained encoders are registered. The run of a version names its release, so that the version of another MLflow
    server, or of a folder that was copied, gets no alias by its number alone.
    """
    match = _REVISION.fullmatch(release.revision) if release else None
    if release is None or match is None:
        return None
    client, name, version = mlflow.MlflowClient(), registered_model(task), match[1]
    try:
        run = client.get_run(str(client.get_model_version(name, version).run_id))
    except MlflowException as error:
        logger.warning("registered version not found; alias not moved", extra={"cause": str(error)[:200]})
        return None
    if run.data.tags.get(RELEASE_TAG) not in {release.key, release.revision}:
        logger.warning(
            "registered version is of another release; alias not moved", extra={"version": version}
        )
        return None
    client.set_registered_model_alias(name, ALIAS, version)
    return version
