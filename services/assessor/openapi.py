"""What FastAPI's OpenAPI document lacks: the media type of problems, and the API keys where the service requires them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from services.assessor import errors
from services.assessor.access import OPEN
from services.assessor.schemas import OpenAIErrorResponse, Problem

_SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key that `signalbox keys add` created.",
    },
    "page": {
        "type": "http",
        "scheme": "basic",
        "description": "The client's name, and its key as the password.",
    },
}
# What is answered in place of a response where keys are required.
_KEY_ERRORS = {
    errors.UNAUTHORIZED: "The request has no API key, or an invalid one.",
    errors.CROSS_SITE: "The role of the key does not allow the request, or another site caused it with the browser's sign-in.",
    errors.RATE_LIMITED: "The client is over its rate limit; Retry-After says when to try again.",
}
_PROBLEM = {"$ref": f"#/components/schemas/{Problem.__name__}"}
_OPENAI_ERROR = {"$ref": f"#/components/schemas/{OpenAIErrorResponse.__name__}"}


def complete(app: FastAPI, *, keys_required: bool) -> None:
    """Complete the document of an application; it is built once, at the first request for it."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(build(), keys_required=keys_required)
        return build()

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's way to extend the document


def _complete(document: dict[str, Any], *, keys_required: bool) -> None:
    if keys_required:
        document["components"]["securitySchemes"] = _SCHEMES
        document["security"] = [{name: []} for name in _SCHEMES]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if keys_required:
                _add_keys(operation, path)
            for response in operation["responses"].values():
                _set_media_type(response)


def _add_keys(operation: dict[str, Any], path: str) -> None:
    if path in OPEN:
        operation["security"] = []
        return
    schema = _OPENAI_ERROR if path in errors.OPENAI_PATHS else _PROBLEM
    for kind, description in _KEY_ERRORS.items():
        content = {"application/json": {"schema": schema}}
        operation["responses"][str(kind.status)] = {"description": description, "content": content}


def _set_media_type(response: dict[str, Any]) -> None:
    """FastAPI lists every schema of a response as application/json."""
    content = response.get("content", {})
    if content.get("application/json", {}).get("schema") == _PROBLEM:
        content[errors.MEDIA_TYPE] = content.pop("application/json")
