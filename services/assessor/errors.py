"""One form for every error: the field, the value, the hint."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from signalbox.errors import InputError, SetupError, SignalboxError, shorten

log = logging.getLogger(__name__)

NOT_FOUND_FIELDS = frozenset({"prediction_id"})
# By the type of pydantic's complaint; the others say themselves what would be right.
_HINTS_BY_TYPE = {
    "missing": "Add this field; /docs has an example.",
    "extra_forbidden": "Leave it out, or correct its name; /docs lists the fields.",
    "string_too_short": "Send a text that is not empty.",
    "too_short": "Send at least one text.",
}
_HINTS = {404: "See /docs for the routes.", 405: "See /docs for the methods of this route."}


def body(field: str, value: object, hint: str) -> dict[str, dict[str, str]]:
    """The JSON of an error."""
    shown = value if isinstance(value, str) and len(value) <= 80 else shorten(value)
    told = {"field": field, "value": shown, "hint": hint}
    # A lone surrogate, in a text or in a field's name, has no UTF-8 form and would end in a 500.
    return {"error": {name: text.encode(errors="backslashreplace").decode() for name, text in told.items()}}


def body_too_large(limit_bytes: int) -> str:
    """The hint of a 413."""
    return f"Send at most {limit_bytes} bytes; split the texts over several requests."


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(InputError, _input_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(SignalboxError, _unavailable)


async def _input_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, InputError)  # noqa: S101 - registered for it
    status = 404 if error.field in NOT_FOUND_FIELDS else 422
    return JSONResponse(body(error.field, error.value, error.hint), status)


async def _validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
    if first["type"] == "json_invalid":
        return JSONResponse(body("body", "(not JSON)", f"Send JSON: {first['ctx']['error']}."), 400)
    hint = _HINTS_BY_TYPE.get(first["type"], f"{first['msg']}.")
    return JSONResponse(body(where, first.get("input"), hint), 422)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 400:
        return JSONResponse(body("body", "(unreadable)", "Send JSON in UTF-8."), 400)
    if error.status_code == 413:
        return JSONResponse(body("body", "too long", str(error.detail)), 413, {"connection": "close"})
    hint = _HINTS.get(error.status_code, str(error.detail))
    headers: Mapping[str, str] | None = error.headers
    return JSONResponse(body("path", request.url.path, hint), error.status_code, headers)


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    log.warning("request not served", extra={"cause": str(error)})
    return JSONResponse(unavailable(error), 503)


def unavailable(error: Exception) -> dict[str, dict[str, str]]:
    """The JSON of an error that is ours. Its text is for the log: it may name files and hosts."""
    hint = "Tell whoever runs the service: its log says what to mend."
    if not isinstance(error, SetupError):
        hint = "Try again; /readyz says what is down."
    return body("service", type(error).__name__, hint)
