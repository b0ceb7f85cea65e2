"""Runs of the jobs in MLflow: one experiment per task, one run per job.

A plain server is called without MLflow's client; every other one, and a database, through the client
(docs/decisions/0082-mlflow-over-http.md).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from pipelines.sinks import datasets, mlflow_http, source
from signalbox.settings import Settings

_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
# Variables that change nothing of the calls made here. Any other one may: credentials, certificates, headers, waits.
_PLAIN = frozenset(
    {_RETRIES, "MLFLOW_DISABLE_TELEMETRY", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "MLFLOW_TRACKING_URI"}
)
_PLUGINS = ("mlflow.request_header_provider", "mlflow.request_auth_provider", "mlflow.run_context_provider")
_CREDENTIALS = (".mlflow/credentials", ".netrc", "_netrc")
_REDIRECTS = 3  # hundreds
_DEFAULT_RETRIES = "2"  # MLflow's seven look like a hang


class Run(Protocol):
    """A run that is open."""

    @property
    def run_id(self) -> str: ...

    def log_params(self, params: Mapping[str, object]) -> None: ...

    def log_metrics(self, metrics: Mapping[str, float]) -> None: ...

    def set_tag(self, key: str, value: str) -> None: ...

    def log_dataset(self, settings: Settings, task: str, digest: str, context: datasets.Context) -> None: ...

    def log_text(self, text: str, name: str) -> None: ...

    def log_dict(self, content: Mapping[str, object], name: str) -> None: ...

    def log_figure(self, figure: Any, name: str) -> None: ...  # noqa: ANN401 - a Figure, or anything with `savefig`

    def log_file(self, path: Path) -> None: ...


@contextlib.contextmanager
def run(settings: Settings, task: str, job: str, name: str, *, release: str = "") -> Iterator[Run]:
    """A run with the key of its release; SetupError where the server does not answer."""
    url = settings.mlflow_base_url
    if is_plain(url, os.environ, _home()):
        server = mlflow_http.Server(url, int(os.environ.get(_RETRIES, _DEFAULT_RETRIES)))
        experiment = _experiment(server, task)
        if experiment is not None:
            tags = source.job_tags(job, release)
            with mlflow_http.run(server, experiment, name, tags) as active:
                yield active
            return
    from pipelines.sinks import mlflow_client  # noqa: PLC0415 - MLflow's import

    with mlflow_client.run(settings, task, job, name, release) as other:
        yield other


def is_plain(url: str, environment: Mapping[str, str], home: Path | None) -> bool:
    """Whether a server can be called without MLflow's client: over HTTP, without credentials, plugins and settings."""
    if not url.startswith("http://") or "@" in url or "NETRC" in environment:
        return False
    if any(name.startswith("MLFLOW_") and name not in _PLAIN for name in environment):
        return False
    if home is not None and any((home / name).exists() for name in _CREDENTIALS):
        return False
    return not _plugins()


def _experiment(server: mlflow_http.Server, task: str) -> dict[str, Any] | None:
    """The experiment; None where the server redirects, or where jobs store the files themselves."""
    try:
        experiment = mlflow_http.experiment_of(server, task)
    except mlflow_http.ServerError as error:
        if error.status is None or error.status // 100 != _REDIRECTS:
            raise
        return None
    return experiment if mlflow_http.stores_artifacts(experiment) else None


def _home() -> Path | None:
    """None for a container's user that has none, who stores no credentials either."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def _plugins() -> bool:
    from importlib.metadata import entry_points  # noqa: PLC0415

    return any(entry_points(group=group) for group in _PLUGINS)
