"""Errors as the API sends them: problem details of RFC 9457, `application/problem+json`.

Clients of OpenAI's API expect its own form. So `/v1/chat/completions` and `/v1/models`, which pass requests on to the
decoder, send every error as `{"error": {"message", "type", "param", "code"}}`; all other routes send a `Problem`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from services.assessor.schemas import OpenAIError, OpenAIErrorResponse, Problem
from signalbox.errors import InputError, NotFoundError, SetupError, SignalboxError, shorten

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
OPENAI_PATHS = frozenset({"/v1/chat/completions", "/v1/models"})
_TYPES, _NO_TYPE = "/problems/", "about:blank"
_VALUE_CHARACTERS = 80
_CLIENT_LEFT = 499  # no status of HTTP, and nobody receives it: for the counter, as in other proxies


@dataclass(frozen=True)
class Kind:
    """A kind of problem. `name` is part of the problem's type: never rename one."""

    name: str
    status: int
    title: str


MALFORMED_BODY = Kind("malformed-body", 400, "Malformed request body")
UNAUTHORIZED = Kind("unauthorized", 401, "Missing or invalid API key")
CROSS_SITE = Kind("cross-site", 403, "Request from another site")
FORBIDDEN = Kind("forbidden", 403, "Not allowed for this API key")
NOT_FOUND = Kind("not-found", 404, "Not found")
BODY_TOO_LARGE = Kind("body-too-large", 413, "Request body too large")
INVALID_INPUT = Kind("invalid-input", 422, "Invalid input")
RATE_LIMITED = Kind("rate-limited", 429, "Rate limit exceeded")
INTERNAL = Kind("internal", 500, "Internal error")
UPSTREAM = Kind("upstream", 502, "Model server error")
MISCONFIGURED = Kind("misconfigured", 503, "Service misconfigured")
UNAVAILABLE = Kind("unavailable", 503, "Service unavailable")

# The nearest base class of an error decides.
_KINDS: dict[type[SignalboxError], Kind] = {
    NotFoundError: NOT_FOUND,
    InputError: INVALID_INPUT,
    SetupError: MISCONFIGURED,
    SignalboxError: UNAVAILABLE,
}
# By pydantic's type of error: what is wrong with the field, and the hint. Its own message is the hint of all others.
_VALIDATION = {
    "missing": ("{field} is missing.", "Add this field; /docs has an example."),
    "extra_forbidden": (
        "{field} is not a field of this request.",
        "Remove it, or correct its name; /docs lists the fields.",
    ),
    "string_too_short": ("{field} is empty.", "Send a text that is not empty."),
    "too_short": ("{field} is empty.", "Send at least one text."),
}
_PATH_HINTS = {404: "See /docs for the routes.", 405: "See /docs for the methods of this route."}


class ProblemResponse(JSONResponse):
    """A problem as an HTTP response."""

    media_type = MEDIA_TYPE


def problem(kind: Kind, field: str, value: object, hint: str, detail: str = "") -> Problem:
    """A problem with what the caller sent in `field`; without `detail` it says which value the field has."""
    short = value if isinstance(value, str) and len(value) <= _VALUE_CHARACTERS else shorten(value)
    return Problem(
        type=f"{_TYPES}{kind.name}",
        title=kind.title,
        status=kind.status,
        detail=_printable(detail or f"{field}: got {short}."),
        field=_printable(field),
        value=_printable(short),
        hint=_printable(hint),
    )


def response(problem: Problem, path: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response to a request of `path`: OpenAI's form where clients of that API expect it."""
    if path in OPENAI_PATHS:
        return JSONResponse(openai_error(problem).model_dump(), problem.status, headers)
    return ProblemResponse(problem.model_dump(), problem.status, headers)


def openai_error(problem: Problem) -> OpenAIErrorResponse:
    """A problem in the form of OpenAI's API; its `type` is one of that API's."""
    kind = "server_error" if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
        kind = "rate_limit_error"
    code = problem.type.removeprefix(_TYPES).replace("-", "_") if problem.type != _NO_TYPE else None
    return OpenAIErrorResponse(
        error=OpenAIError(
            message=f"{problem.detail} {problem.hint}",
            type=kind,
            param=problem.field,
            code=code,
        )
    )


def problem_of(error: Exception) -> Problem:
    """The problem that an error stands for. The text of one that is ours is for the log: it may name files and hosts."""
    kind = next((_KINDS[base] for base in type(error).__mro__ if base in _KINDS), INTERNAL)
    if isinstance(error, InputError):
        return problem(kind, error.field, error.value, error.hint, error.message)
    if kind is UNAVAILABLE:
        detail = "A service that the assessor needs is unavailable."
        return problem(
            kind, "service", type(error).__name__, "Try again; /readyz names what is down.", detail
        )
    detail = "The service is misconfigured." if kind is MISCONFIGURED else "Internal error."
    return problem(kind, "service", type(error).__name__, "See the service log.", detail)


class BodyTooLarge(HTTPException):
    """The body of a request is over the limit. While a body is read, FastAPI passes on no other class than this base."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(BODY_TOO_LARGE.status)


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(BodyTooLarge, _body_error)
    app.add_exception_handler(SignalboxError, _signalbox_error)
    app.add_exception_handler(ClientDisconnect, _client_left)
    app.add_exception_handler(Exception, _internal_error)


async def _signalbox_error(request: Request, error: Exception) -> JSONResponse:
    return failed(error, request.url.path)


def failed(error: Exception, path: str) -> JSONResponse:
    """The response to a request of `path` that a SignalboxError ended; the log has what is not the caller's fault."""
    if not isinstance(error, InputError):
        log.warning("request failed", extra={"cause": str(error)})
    return response(problem_of(error), path)


async def _client_left(*_: object) -> Response:
    return client_left()


def client_left() -> Response:
    """The end of a request whose client has left."""
    return Response(status_code=_CLIENT_LEFT)


async def _internal_error(request: Request, error: Exception) -> JSONResponse:
    # The server logs the traceback after this.
    return response(problem_of(error), request.url.path)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    return response(_problem_of_validation(error.errors()[0]), request.url.path)


def _problem_of_validation(error: Mapping[str, Any]) -> Problem:
    """The problem of one of pydantic's errors."""
    if error["type"] == "json_invalid":
        hint = f"Send JSON: {error['ctx']['error']}."
        return problem(MALFORMED_BODY, "body", "(not JSON)", hint, "The body is not JSON.")
    field = ".".join(str(part) for part in error["loc"] if part != "body") or "body"
    detail, hint = _VALIDATION.get(error["type"], ("", f"{error['msg']}."))
    return problem(INVALID_INPUT, field, error.get("input"), hint, detail.format(field=field))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    path, status = request.url.path, error.status_code
    if status == HTTPStatus.BAD_REQUEST:
        hint = "Send JSON in UTF-8."
        return response(
            problem(MALFORMED_BODY, "body", "(unreadable)", hint, "The body is unreadable."), path
        )
    title = HTTPStatus(status).phrase
    hint = _PATH_HINTS.get(status, f"{title}.")
    plain = problem(Kind("", status, title), "path", path, hint, f"{title}: {request.method} {path}.")
    return response(plain.model_copy(update={"type": _NO_TYPE}), path, error.headers)


async def _body_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BodyTooLarge)  # noqa: S101 - registered for it
    return cut_off(error, request.url.path)


def cut_off(error: BodyTooLarge, path: str) -> JSONResponse:
    """The response to a body that turned out to be over the limit while it was read."""
    return body_too_large("too long", error.limit_bytes, path)


def body_too_large(value: str, limit_bytes: int, path: str) -> JSONResponse:
    """The response to a body over the limit; it closes the connection, on which the rest may still arrive."""
    hint = f"Send at most {limit_bytes} bytes; split the texts over several requests."
    detail = f"The body is larger than {limit_bytes} bytes."
    return response(problem(BODY_TOO_LARGE, "body", value, hint, detail), path, {"connection": "close"})


def _printable(text: str) -> str:
    # A lone surrogate, in a text or in a field's name, has no UTF-8 form and would end in a 500.
    return text.encode(errors="backslashreplace").decode()
