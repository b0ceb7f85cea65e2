"""MLflow over its REST API (docs: https://mlflow.org/docs/latest/api_reference/rest-api.html), without its Python client.

The client's import takes seconds of CPU time and 100 MiB, more than an evaluation. This is for a server over plain HTTP, with
proxied artifacts and without credentials, as charts/pipelines and `signalbox serve` start it; `tracking` knows the others.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from itertools import count, islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from pipelines.sinks import datasets, source
from signalbox.errors import SetupError
from signalbox.proxies import is_loopback
from signalbox.settings import Settings

ARTIFACTS = "mlflow-artifacts:/"  # artifacts go to the server
_TIMEOUT = 120.0
# Statuses, waits and sizes of MLflow's client.
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_WAIT_FACTOR, _MOST_WAIT = 2.0, 120.0
_MOST_METRICS, _MOST_PARAMS = 1000, 100
_Value = TypeVar("_Value")


class ServerError(SetupError):
    """MLflow does not answer, or with an error; its status if there is one."""

    def __init__(self, url: str, cause: str, status: int | None = None) -> None:
        super().__init__(
            f"MLflow at {url} does not answer: {cause[:200]}",
            hint="Start it with `signalbox serve`, or set SIGNALBOX_MLFLOW_URL.",
        )
        self.status = status


class _NoRedirects(HTTPRedirectHandler):
    """A redirect is an error: only GETs would follow it."""

    def redirect_request(self, *_: object) -> None:
        return None


@dataclass(frozen=True)
class Server:
    """An MLflow server; `retries` of a call that failed for a passing reason."""

    url: str
    retries: int
    sleep: Callable[[float], None] = time.sleep

    def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """The answer to a GET."""
        return self._json("GET", f"/api/2.0/mlflow/{path}?{urlencode(query)}", None)

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """The answer to a POST."""
        return self._json("POST", f"/api/2.0/mlflow/{path}", json.dumps(body).encode())

    def put_artifact(self, path: str, content: bytes) -> None:
        """Store a file."""
        self._send(
            "PUT", f"/api/2.0/mlflow-artifacts/artifacts/{quote(path)}", content, "application/octet-stream"
        )

    def _json(self, method: str, path: str, content: bytes | None) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._send(method, path, content, "application/json") or b"{}")
        return answer

    def _send(self, method: str, path: str, content: bytes | None, kind: str) -> bytes:
        headers = {"Content-Type": kind, "User-Agent": "signalbox"}
        request = Request(f"{self.url.rstrip('/')}{path}", content, headers, method=method)  # noqa: S310 - http only
        opener = build_opener(_NoRedirects, *([ProxyHandler({})] if is_loopback(self.url) else []))
        for attempt in count():
            try:
                with opener.open(request, timeout=_TIMEOUT) as response:
                    return bytes(response.read())
            except HTTPError as error:
                if error.code not in _TRANSIENT or attempt >= self.retries:
                    cause = f"{error.code} {error.read(500).decode(errors='replace')}"
                    raise ServerError(self.url, cause, error.code) from error
            except (OSError, HTTPException) as error:  # no connection, a broken one, or a timeout
                if attempt >= self.retries:
                    raise ServerError(self.url, str(error)) from error
            self.sleep(_wait(attempt))
        raise AssertionError


@dataclass(frozen=True)
class HttpRun:
    """A run that is open."""

    server: Server
    run_id: str
    artifacts: str

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log parameters as text."""
        for part in _parts(params, _MOST_PARAMS):
            self._log(params=[{"key": key, "value": str(value)} for key, value in part])

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log figures, all at the time of now."""
        now = _now()
        for part in _parts(metrics, _MOST_METRICS):
            self._log(
                metrics=[{"key": key, "value": _number(v), "timestamp": now, "step": 0} for key, v in part]
            )

    def set_tag(self, key: str, value: str) -> None:
        """Set a tag."""
        self._log(tags=[{"key": key, "value": value}])

    def log_dataset(self, settings: Settings, task: str, digest: str, context: datasets.Context) -> None:
        """Log the data by their digest."""
        origin = json.dumps({"tags": datasets.source_tags(settings)})
        dataset = {"name": task, "digest": digest, "source_type": "code", "source": origin}
        tags = [{"key": "mlflow.data.context", "value": context}]
        self.server.post(
            "runs/log-inputs", {"run_id": self.run_id, "datasets": [{"tags": tags, "dataset": dataset}]}
        )

    def log_text(self, text: str, name: str) -> None:
        """Log a text as a file."""
        self._put(name, text.encode())

    def log_dict(self, content: Mapping[str, object], name: str) -> None:
        """Log a JSON file."""
        self._put(name, json.dumps(content, indent=2, default=str).encode())

    def log_figure(self, figure: Any, name: str) -> None:  # noqa: ANN401 - a Figure of matplotlib, imported where it is drawn
        """Log a figure as the image that the name ends in."""
        image = io.BytesIO()
        figure.savefig(image, format=name.rsplit(".", 1)[-1])
        self._put(name, image.getvalue())

    def log_file(self, path: Path) -> None:
        """Log a file under its name."""
        self._put(path.name, path.read_bytes())

    def end(self, status: str) -> None:
        """FINISHED or FAILED."""
        self.server.post("runs/update", {"run_id": self.run_id, "status": status, "end_time": _now()})

    def _log(self, **values: object) -> None:
        self.server.post("runs/log-batch", {"run_id": self.run_id, **values})

    def _put(self, name: str, content: bytes) -> None:
        self.server.put_artifact(f"{self.artifacts}/{name}", content)


def stores_artifacts(experiment: Mapping[str, Any]) -> bool:
    """Whether the experiment's files go through the server."""
    location = str(experiment.get("artifact_location", ""))
    return location.startswith(ARTIFACTS) and not location.startswith(f"{ARTIFACTS}/")


def experiment_of(server: Server, name: str) -> dict[str, Any]:
    """The experiment of a name, created where there is none."""
    try:
        return _experiment(server, name)
    except ServerError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
    try:
        server.post("experiments/create", {"name": name})
    except ServerError as error:
        if error.status != HTTPStatus.BAD_REQUEST:  # another job created it meanwhile
            raise
    return _experiment(server, name)


def _experiment(server: Server, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = server.get("experiments/get-by-name", {"experiment_name": name})["experiment"]
    return answer


@contextlib.contextmanager
def run(
    server: Server, experiment: Mapping[str, Any], name: str, tags: Mapping[str, str]
) -> Iterator[HttpRun]:
    """A run that ends as FAILED where its body raises."""
    tags = {**source.program_tags(), **tags}
    body = {
        "experiment_id": experiment["experiment_id"],
        "user_id": tags["mlflow.user"],
        "run_name": name,
        "start_time": _now(),
        "tags": [{"key": key, "value": value} for key, value in tags.items() if value],
    }
    info = server.post("runs/create", body)["run"]["info"]
    active = HttpRun(server, str(info["run_id"]), str(info["artifact_uri"]).removeprefix(ARTIFACTS))
    try:
        yield active
    except BaseException:
        with contextlib.suppress(ServerError):
            active.end("FAILED")
        raise
    active.end("FINISHED")


def _wait(attempt: int) -> float:
    """Seconds after a failed call: none after the first, then twice as long each time."""
    jitter = random.random()  # noqa: S311 - so that jobs do not come back at once
    return min(_MOST_WAIT, _WAIT_FACTOR * 2**attempt + jitter) if attempt else 0.0


def _parts(values: Mapping[str, _Value], size: int) -> Iterator[list[tuple[str, _Value]]]:
    items = iter(values.items())
    while part := list(islice(items, size)):
        yield part


def _number(value: float) -> float | str:
    """JSON has no other name for them, and this is protobuf's."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)


def _now() -> int:
    return int(time.time() * 1000)
