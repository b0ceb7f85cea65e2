"""The decoder's OpenAI routes, passed through byte by byte: `/v1/chat/completions` and `/v1/models`.

Bodies are forwarded as they are, in both directions and unbuffered; only the headers are made anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from services.assessor import errors
from services.assessor.schemas import ErrorResponse
from services.assessor.state import State

router = APIRouter(tags=["OpenAI-compatible"])
_FAILED: dict[int | str, dict[str, Any]] = {status: {"model": ErrorResponse} for status in (413, 502)}
_CHAT = {
    "requestBody": {
        "required": True,
        "description": "As OpenAI's chat completions; passed on unread.",
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {
                    "model": "any",
                    "messages": [{"role": "user", "content": "Say hello."}],
                    "max_tokens": 8,
                    "stream": False,
                },
            }
        },
    }
}
_CUT = b'data: {"error":{"message":"The model server broke off.","type":"upstream_error","code":502}}\n\n'


@router.post("/v1/chat/completions", response_class=Response, responses=_FAILED, openapi_extra=_CHAT)
async def chat_completions(request: Request) -> Response:
    """Chat completion by the decoder, streamed or whole; no light is given and no record kept."""
    body = await request.body()
    return await _forward(request.app.state.signalbox, "POST", "/chat/completions", body)


@router.get("/v1/models", response_class=Response, responses=_FAILED)
async def models(request: Request) -> Response:
    """Models that the decoder serves."""
    return await _forward(request.app.state.signalbox, "GET", "/models", None)


async def _forward(state: State, method: str, path: str, body: bytes | None) -> Response:
    headers = {"Content-Type": "application/json"}
    if key := state.settings.decoder_api_key:
        headers["Authorization"] = f"Bearer {key.get_secret_value()}"
    url = f"{state.settings.decoder_base_url}{path}"
    try:
        answer = await state.upstream.request(method, url, data=body, headers=headers)
    except (aiohttp.ClientError, TimeoutError) as error:
        hint = "Try again; /readyz says when it is back."
        return JSONResponse(errors.body("decoder", type(error).__name__, hint), 502)
    if answer.status >= 400:
        return await _refused(answer)
    kind = answer.headers.get("Content-Type", "application/json")
    if "event-stream" in kind:
        return StreamingResponse(_pieces(answer), answer.status, media_type=kind)
    try:
        async with answer:
            return Response(await answer.read(), answer.status, media_type=kind)
    except (aiohttp.ClientError, TimeoutError) as error:
        return JSONResponse(errors.body("decoder", type(error).__name__, "It broke off; try again."), 502)


async def _pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with answer:
        try:
            async for piece in answer.content.iter_any():
                yield piece
        except (aiohttp.ClientError, TimeoutError):
            yield _CUT


async def _refused(answer: aiohttp.ClientResponse) -> Response:
    """The status is passed on, the body is not: engines put file paths into it."""
    async with answer:
        await answer.read()
    status = answer.status if answer.status < 500 else 502
    hint = "The model server refused the request; check model, messages and limits."
    return JSONResponse(errors.body("decoder", f"HTTP {answer.status}", hint), status)
