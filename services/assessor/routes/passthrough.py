"""The decoder's OpenAI routes, passed through unchanged: `/v1/chat/completions` and `/v1/models`.

Bodies are forwarded byte by byte and unbuffered in both directions; headers are set anew. Errors have the form of
OpenAI's API, also those of the assessor itself (API keys, body limit), because that API's clients read no other.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from services.assessor import errors
from services.assessor.calls import Calls
from services.assessor.routes.presence import Presence, Present
from services.assessor.schemas import OpenAIErrorResponse
from services.assessor.state import Current, State
from services.assessor.usage.chat_tokens import ChatTokens
from services.assessor.usage.current import Measuring
from signalbox.contracts.light import LightReason
from signalbox.contracts.usage import Amount
from signalbox.errors import NotFoundError

router = APIRouter(tags=["OpenAI-compatible"])
_ERRORS: dict[int | str, dict[str, Any]] = {
    kind.status: {"model": OpenAIErrorResponse, "description": kind.title}
    for kind in (errors.BODY_TOO_LARGE, errors.UPSTREAM)
}
_CHAT = {
    "requestBody": {
        "required": True,
        "description": "As in OpenAI's chat completions; forwarded without validation.",
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
_NO_DECODER = "Send texts to /v1/assess."
_BROKEN_OFF = "The model server closed the connection."
_RETRY = "Try again; /readyz shows when the decoder is available."


@router.post("/v1/chat/completions", response_class=Response, responses=_ERRORS, openapi_extra=_CHAT)
async def chat_completions(request: Request, state: Current, presence: Present) -> Response:
    """Chat completion by the decoder, streamed or not; without a light and without a record."""
    return await chat(state, await request.body(), presence)


@router.get("/v1/models", response_class=Response, responses=_ERRORS)
async def models(state: Current) -> Response:
    """Models that the decoder serves."""
    with Measuring():  # a list of models uses none of them
        return await _forward(state, "GET", "/models", None)


async def chat(state: State, body: bytes, presence: Presence) -> Response:
    """The decoder's response to a chat. Raises NotFoundError without a decoder, ClientDisconnect once nobody waits."""
    with presence:
        return await _forward(state, "POST", "/chat/completions", body)


async def _forward(state: State, method: str, path: str, body: bytes | None) -> Response:
    if not state.settings.decoder_enabled:
        raise NotFoundError("path", f"/v1{path}", _NO_DECODER, problem="This assessor has no decoder.")
    url = f"{state.settings.decoder_base_url}{path}"
    calls = state.calls["decoder"]
    try:
        with calls.waiting():
            # A redirect would take texts and the key to wherever it points.
            answer = await state.upstream.request(method, url, data=body, allow_redirects=False)
    except (aiohttp.ClientError, TimeoutError) as error:
        calls.count_failure(_reason(error))
        return _error(type(error).__name__, "The model server does not answer.", _RETRY)
    if answer.status >= 300:
        calls.count_failure(LightReason.REJECTED if _is_rejected(answer) else LightReason.UNAVAILABLE)
        return _rejection(answer)
    media_type = answer.headers.get("Content-Type", "application/json")
    if "event-stream" in media_type:
        return StreamingResponse(_pieces(answer, calls), answer.status, media_type=media_type)
    try:
        async with answer:
            return Response(await _read(answer, calls), answer.status, media_type=media_type)
    except (aiohttp.ClientError, TimeoutError) as error:
        calls.count_failure(_reason(error))
        return _error(type(error).__name__, _BROKEN_OFF, "Try again.")


async def _read(answer: aiohttp.ClientResponse, calls: Calls) -> bytes:
    tokens = ChatTokens(is_stream=False)
    body = await answer.read()
    tokens.read(body)
    calls.count(tokens.amount)
    return body


async def _pieces(answer: aiohttp.ClientResponse, calls: Calls) -> AsyncIterator[bytes]:
    tokens, start = ChatTokens(is_stream=True), time.perf_counter()
    async with answer:
        try:
            async for piece in answer.content.iter_any():
                tokens.read(piece)
                yield piece
        except (aiohttp.ClientError, TimeoutError) as error:
            calls.count_failure(_reason(error))
            problem = errors.problem(
                errors.UPSTREAM, "decoder", type(error).__name__, "Try again.", _BROKEN_OFF
            )
            yield f"data: {errors.openai_error(problem).model_dump_json()}\n\n".encode()
        finally:
            calls.count(tokens.amount.plus(Amount(seconds=time.perf_counter() - start)))


def _is_rejected(answer: aiohttp.ClientResponse) -> bool:
    return 400 <= answer.status < 500


def _reason(error: Exception) -> LightReason:
    """Why a call has no answer, or only a part of it."""
    return LightReason.TIMEOUT if isinstance(error, TimeoutError) else LightReason.UNAVAILABLE


def _rejection(answer: aiohttp.ClientResponse) -> Response:
    """The status is passed on, the body is not: engines put file paths into it. So it is not read either."""
    answer.release()
    status = answer.status if _is_rejected(answer) else errors.UPSTREAM.status
    detail = f"The model server answered HTTP {answer.status}."
    return _error(f"HTTP {answer.status}", detail, "Check model, messages and limits of the request.", status)


def _error(value: str, detail: str, hint: str, status: int = errors.UPSTREAM.status) -> JSONResponse:
    problem = errors.problem(errors.UPSTREAM, "decoder", value, hint, detail)
    error = errors.openai_error(problem.model_copy(update={"status": status}))
    return JSONResponse(error.model_dump(), status)
