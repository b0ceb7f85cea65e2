"""A small client of the assessor, for the command line."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from signalbox.errors import InputError, SetupError
from signalbox.settings import Settings


def assess(settings: Settings, texts: list[str], language: str, model: str) -> list[dict[str, Any]]:
    """Predictions as the API gives them. InputError and SetupError as the assessor says them."""
    body = {"texts": texts, "language": language, "model": model}
    answer: list[dict[str, Any]] = _post(settings, "/v1/assess", body)["predictions"]
    return answer


def _post(settings: Settings, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    request = urllib.request.Request(  # noqa: S310 - the scheme is our own
        settings.assessor_url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=settings.decoder_timeout_seconds * 2) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        said = json.load(error)["error"]
        raise InputError(said["field"], said["value"], said["cure"]) from error
    except OSError as error:
        cure = "Start it with `signalbox serve`, or set SIGNALBOX_HOST and SIGNALBOX_ASSESSOR_PORT."
        raise SetupError(
            f"The assessor at {settings.assessor_url} does not answer ({error}). {cure}"
        ) from error
