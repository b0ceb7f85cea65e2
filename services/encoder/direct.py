"""The V2 route without KServe's data classes, which take more CPU time than all else around the network.

Only the plain form is answered here: a JSON body with nothing in it but an id, and BYTES inputs with their text. Everything
else goes to KServe's own route with the same body: binary tensors, CloudEvents, parameters, and whatever is invalid in form.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from signalbox.serving.replay import replayed

PATH = "/v2/models/{model_name}/infer"
_TENSOR_FIELDS = {"name", "datatype", "shape", "data"}
_JSON = "application/json"
_PASSED_ON = "signalbox.passed_on"  # key of a scope


@dataclass(frozen=True)
class PlainRequest:
    """The values of the input `text`, which are not checked yet, and the id of the request."""

    texts: list[object]
    id: str | None


class DirectModel(Protocol):
    """A model that answers a plain request with the body of a V2 response; KServe's `Model.__call__`."""

    name: str

    def __call__(
        self, body: PlainRequest, headers: dict[str, str] | None = None
    ) -> Awaitable[tuple[dict[str, Any], dict[str, str]]]: ...


def plain_request(body: bytes, headers: Callable[[str], str | None]) -> PlainRequest | None:
    """The request of a body in the plain form, or None."""
    if headers("content-type") != _JSON or headers("inference-header-content-length") or headers("ce-id"):
        return None
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(content, dict) or not content.keys() <= {"id", "inputs"}:
        return None
    identifier, tensors = content.get("id"), content.get("inputs")
    if not isinstance(identifier, str | None) or not isinstance(tensors, list):
        return None
    if not all(map(_is_plain, tensors)):
        return None
    texts = next((tensor["data"] for tensor in tensors if tensor["name"] == "text"), None)
    return None if texts is None else PlainRequest(texts, identifier)


def _is_plain(tensor: object) -> bool:
    """Whether it is a BYTES tensor of shape [n] or [n, 1] with n texts."""
    if not isinstance(tensor, dict) or tensor.keys() != _TENSOR_FIELDS or tensor["datatype"] != "BYTES":
        return False
    data = tensor["data"]
    if not isinstance(data, list) or not all(isinstance(value, str) for value in data):
        return False
    return tensor["shape"] in ([len(data)], [len(data), 1])


def answer_directly(app: Starlette, model: DirectModel) -> None:
    """Put the direct route before those of KServe."""
    app.router.routes.insert(0, _DirectRoute(app, model))


class _DirectRoute(BaseRoute):
    def __init__(self, app: Starlette, model: DirectModel) -> None:
        self._app, self._model = app, model
        self._path = PATH.format(model_name=model.name)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether it is the V2 route of this model, and has not been passed on to KServe's."""
        is_own = scope["type"] == "http" and scope["path"] == self._path and scope["method"] == "POST"
        return (Match.FULL if is_own and not scope.get(_PASSED_ON) else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on with its body."""
        request = Request(scope, receive)
        body = await request.body()
        plain = plain_request(body, request.headers.get)
        if plain is None:
            scope[_PASSED_ON] = True
            await self._app.router(scope, replayed(body, receive), send)
            return
        content, _ = await self._model(plain, dict(request.headers))
        await Response(orjson.dumps(content), media_type=_JSON)(scope, receive, send)
