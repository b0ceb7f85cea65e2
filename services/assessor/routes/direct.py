"""The two frequent requests, served ahead of FastAPI.

FastAPI's routing, dependencies and validation take more instructions than the rest of such a request
(docs/decisions/0084-routes-ahead-of-fastapi.md). Its routes of the same paths stay: they are the document, and they
answer what a handler here leaves to them, such as an invalid body, so that errors are described in one place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from fastapi import Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from services.assessor import errors
from services.assessor.routes.api import assessed
from services.assessor.routes.passthrough import chat
from services.assessor.routes.presence import Presence, Presences
from services.assessor.routes.requests import AssessRequest
from services.assessor.state import State
from signalbox.errors import SignalboxError
from signalbox.serving.replay import replayed


class Direct(NamedTuple):
    """A route. `serve` returns None for what it leaves to FastAPI; `path` is the value of the metrics' label."""

    path: str
    serve: Callable[[State, bytes, Presence], Awaitable[Response | None]]
    json_only: bool = False


async def _assess(state: State, body: bytes, presence: Presence) -> Response | None:
    try:
        request = AssessRequest.model_validate_json(body)
    except ValidationError:
        return None
    answer = await assessed(request, state, presence)
    return Response(answer.model_dump_json(), media_type="application/json")


ROUTES: Mapping[tuple[str, str], Direct] = {
    ("POST", route.path): route
    for route in (
        Direct("/v1/chat/completions", chat),
        Direct("/v1/assess", _assess, json_only=True),
    )
}


class DirectRoutes:
    """Serves `ROUTES`, and passes all other requests on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._presences = app, Presences()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or pass it on."""
        route = _route_of(scope)
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route  # before an error; FastAPI replaces it for what is left to it
        response = None
        try:
            body = await _read(receive)
            if body is not None:
                presence = Presence(self._presences, receive)
                response = await route.serve(scope["app"].state.signalbox, body, presence)
        except errors.BodyTooLarge as error:
            response = errors.cut_off(error, scope["path"])
        except SignalboxError as error:
            response = errors.failed(error, scope["path"])
        except ClientDisconnect:
            response = errors.client_left()
        if response is not None:
            await response(scope, receive, send)
        elif body is not None:
            await self._app(scope, replayed(body, receive), send)


def _route_of(scope: Scope) -> Direct | None:
    """The route that serves a request; None for a traced one, because FastAPI's own route names its spans."""
    if scope["type"] != "http" or scope.get("fastapi.telemetry") is not None:
        return None
    route = ROUTES.get((scope["method"], scope["path"]))
    if route is not None and route.json_only and not _is_json(scope):
        return None
    return route


def _is_json(scope: Scope) -> bool:
    """As FastAPI, but for media types such as application/problem+json."""
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return bool(kind.partition(b";")[0].strip().lower() == b"application/json")


async def _read(receive: Receive) -> bytes | None:
    """The body of a request; None if the client left before its end."""
    parts = []
    message = await receive()
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()
    return None
