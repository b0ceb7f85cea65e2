"""A small client of the assessor, for the command line."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from signalbox.errors import InputError, SetupError, SignalboxError
from signalbox.settings import Settings

_UNAUTHORISED = 401
_SERVER_ERROR = 500


def assess(settings: Settings, texts: list[str], language: str, model: str) -> list[dict[str, Any]]:
    """Predictions as the API gives them. InputError and SetupError as the assessor says them."""
    body = {"texts": texts, "language": language, "model": model}
    answer = _post(settings, "/v1/assess", body)
    if not isinstance(answer, dict) or "predictions" not in answer:
        raise _stranger(settings, "its answer holds no predictions")
    predictions: list[dict[str, Any]] = answer["predictions"]
    return predictions


def _post(settings: Settings, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    headers = {"Content-Type": "application/json", **settings.assessor_headers}
    request = urllib.request.Request(  # noqa: S310 - the scheme is our own
        settings.assessor_base_url + path, json.dumps(body).encode(), headers
    )
    try:
        with open_url(request, settings.decoder_timeout_seconds * 2) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise _refusal(settings, error) from error
    except ValueError as error:
        raise _stranger(settings, "its answer is not JSON") from error
    except (OSError, http.client.HTTPException) as error:
        hint = "Start it with `signalbox serve`, or set SIGNALBOX_ASSESSOR_URL."
        raise SetupError(
            f"The assessor at {settings.assessor_base_url} does not answer ({error}). {hint}"
        ) from error


def open_url(request: urllib.request.Request | str, timeout_seconds: float) -> Any:  # noqa: ANN401 - untyped
    """Open a URL of our own servers: never by the proxy that http_proxy names for other hosts."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=timeout_seconds)


def _refusal(settings: Settings, error: urllib.error.HTTPError) -> SignalboxError:
    """What the assessor said of the request; 5xx is no fault of the caller."""
    try:
        said = json.load(error)["error"]
        field, value, hint = said["field"], said["value"], said["hint"]
    except (ValueError, KeyError, TypeError):
        return _stranger(settings, f"it answered {error.code}")
    if error.code == _UNAUTHORISED:
        hint = "Set SIGNALBOX_API_KEY to a key of the assessor's clients file (`signalbox keys add CLIENT`)."
    if error.code >= _SERVER_ERROR:
        return SetupError(f"The assessor at {settings.assessor_base_url} cannot answer: {value}. {hint}")
    return InputError(field, value, hint)


def _stranger(settings: Settings, why: str) -> SetupError:
    hint = "Stop what listens there, or set SIGNALBOX_ASSESSOR_PORT or SIGNALBOX_ASSESSOR_URL."
    return SetupError(f"What listens at {settings.assessor_base_url} is not the assessor: {why}. {hint}")
