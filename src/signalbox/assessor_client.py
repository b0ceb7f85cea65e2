"""HTTP clients for the servers of this stack: the assessor's API for the command line, and plain requests."""

from __future__ import annotations

import json
import ssl
import time
from http import HTTPStatus
from typing import Any

import httpx2
from pydantic import BaseModel, ValidationError

from signalbox.contracts.record import Source
from signalbox.errors import InputError, SetupError, SignalboxError
from signalbox.serving.reachable import PAUSE_SECONDS, seconds_left
from signalbox.settings import Settings


class Problem(BaseModel):
    """The assessor's error body (RFC 9457, `application/problem+json`), as far as a client shows it."""

    field: str
    value: str
    hint: str
    detail: str = ""


def assess(
    settings: Settings, texts: list[str], language: str, model: str, source: Source = "user"
) -> list[dict[str, Any]]:
    """Predictions as the API returns them. Raises InputError and SetupError with the assessor's hint."""
    body = {"texts": texts, "language": language, "model": model, "source": source}
    payload = _post(settings, "/v1/assess", body)
    if not isinstance(payload, dict) or "predictions" not in payload:
        raise _not_the_assessor(settings, "its answer has no predictions")
    predictions: list[dict[str, Any]] = payload["predictions"]
    return predictions


def give_feedback(settings: Settings, prediction_id: str, label: str) -> None:
    """Store the ground truth of a prediction. Raises InputError and SetupError with the assessor's hint."""
    _post(settings, "/v1/feedback", {"prediction_id": prediction_id, "label": label})


def prediction(settings: Settings, prediction_id: str) -> dict[str, Any]:
    """An earlier prediction as people see it now. Raises InputError and SetupError."""
    earlier: dict[str, Any] = _send(settings, "GET", f"/v1/predictions/{prediction_id}", None)
    return earlier


def page(settings: Settings, prediction_id: str, language: str) -> str:
    """The HTML page with an earlier prediction, in a language. Raises InputError and SetupError."""
    return _exchange(settings, "GET", f"/?answer={prediction_id}&lang={language}", None).text


def next_in_queue(settings: Settings, language: str = "") -> dict[str, Any] | None:
    """The next text of the queue for a reviewer, None if none waits. Raises InputError and SetupError."""
    item: dict[str, Any] | None = _post(settings, "/v1/queue/next", {"language": language})
    return item


def enter_label(settings: Settings, item: str, label: str) -> None:
    """Store a reviewer's label for a text of the queue. Raises InputError and SetupError."""
    _post(settings, "/v1/queue/reviews", {"id": item, "action": "label", "label": label})


def queue_progress(settings: Settings) -> list[dict[str, Any]]:
    """Where each open campaign is. Raises InputError and SetupError."""
    campaigns: list[dict[str, Any]] = _send(settings, "GET", "/v1/queue/progress", None)["campaigns"]
    return campaigns


def direct_client(url: str, timeout_seconds: float) -> httpx2.Client:
    """A client for a server of our own at `url`: no proxy that http_proxy names for other hosts.

    Certificates are those of SSL_CERT_FILE and SSL_CERT_DIR, else of the system.
    """
    # Plain HTTP needs no certificates, and loading them is as slow as many requests.
    verify = ssl.create_default_context() if url.startswith("https://") else False
    return httpx2.Client(timeout=timeout_seconds, trust_env=False, verify=verify)


def _post(settings: Settings, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    return _send(settings, "POST", path, body)


def _send(settings: Settings, method: str, path: str, body: dict[str, Any] | None) -> Any:  # noqa: ANN401 - JSON
    """The body of an answer; None if it has none."""
    response = _exchange(settings, method, path, body)
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError as error:
        raise _not_the_assessor(settings, "its answer is not JSON") from error


def _exchange(settings: Settings, method: str, path: str, body: dict[str, Any] | None) -> httpx2.Response:
    """A successful response. Raises InputError and SetupError with the assessor's hint."""
    url = settings.assessor_base_url + path
    headers = {"Content-Type": "application/json", **settings.assessor_headers}
    # Encoded here: a text of the command line may contain what has no UTF-8 form; JSON in ASCII can carry it.
    content = None if body is None else json.dumps(body).encode()
    try:
        with direct_client(url, settings.decoder_timeout_seconds * 2) as client:
            response = _request(client, settings.server_wait_seconds, method, url, content, headers)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise SetupError(
            f"The assessor at {settings.assessor_base_url} does not answer ({error}).",
            hint="Start it with `signalbox serve`, or set SIGNALBOX_ASSESSOR_URL.",
        ) from error
    if not response.is_success:
        raise _error_of(settings, response)
    return response


def _request(
    client: httpx2.Client,
    seconds: float,
    method: str,
    url: str,
    content: bytes | None,
    headers: dict[str, str],
) -> httpx2.Response:
    """The response; for so many seconds the connection is tried again, as in `signalbox.serving.reachable`."""
    left = seconds_left(seconds)
    while True:
        try:
            return client.request(method, url, content=content, headers=headers)
        except httpx2.ConnectError:
            left_seconds = next(left, None)
            if left_seconds is None:
                raise
        time.sleep(min(PAUSE_SECONDS, left_seconds))


def _error_of(settings: Settings, response: httpx2.Response) -> SignalboxError:
    """The error in a response; 5xx is no fault of the caller."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return _not_the_assessor(settings, f"it answered {response.status_code}")
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        detail = (problem.detail or problem.value).rstrip(".")
        return SetupError(
            f"The assessor at {settings.assessor_base_url} cannot answer: {detail}.", hint=problem.hint
        )
    hint = problem.hint
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        hint = "Set SIGNALBOX_API_KEY to a key of the assessor's clients file (`signalbox keys add CLIENT`)."
    detail = problem.detail
    if detail and problem.field not in detail:
        detail = f"{problem.field}: {detail}"
    return InputError(problem.field, problem.value, hint, problem=detail)


def _not_the_assessor(settings: Settings, reason: str) -> SetupError:
    return SetupError(
        f"The server at {settings.assessor_base_url} is not a Signalbox assessor: {reason}.",
        hint="Another process may be using the port: stop it, or set SIGNALBOX_ASSESSOR_PORT or "
        "SIGNALBOX_ASSESSOR_URL.",
    )
