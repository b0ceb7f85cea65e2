"""The API."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from services.assessor import errors
from services.assessor.schemas import (
    AssessRequest,
    AssessResponse,
    ErrorResponse,
    FeedbackRequest,
    FeedbackResponse,
    Health,
    PublicPrediction,
    to_public,
)
from services.assessor.state import State
from signalbox.contracts.record import Feedback, Record
from signalbox.errors import InputError
from signalbox.store.base import unknown_prediction

log = logging.getLogger(__name__)

router = APIRouter()
Responses = dict[int | str, dict[str, Any]]


def _errors(*statuses: int) -> Responses:
    return {status: {"model": ErrorResponse} for status in statuses}


_BODY = _errors(400, 413, 422, 503)
_EVENTS: Responses = {
    200: {
        "content": {
            "text/event-stream": {
                "example": 'event: delta\ndata: {"text": "Yes."}\n\nevent: prediction\ndata: {"id": "…", …}\n\n'
            }
        }
    }
}


def state_of(request: Request) -> State:
    """What the application holds."""
    state: State = request.app.state.signalbox
    return state


Current = Annotated[State, Depends(state_of)]


@router.post("/v1/assess", responses=_BODY)
async def assess(body: AssessRequest, state: Current) -> AssessResponse:
    """Assess one text or many: light, verdict, reason."""
    texts = checked(body.all_texts, state)
    records = await state.assess.assess(texts, body.language, body.model, body.source)
    return AssessResponse(predictions=[to_public(record, state.task) for record in records])


@router.post("/v1/assess/stream", response_class=StreamingResponse, responses=_BODY | _EVENTS)
async def assess_stream(body: AssessRequest, state: Current) -> StreamingResponse:
    """Assess one text by the decoder, its words as they come (server-sent events).

    `delta` events hold the words, once the light is known not to be red by them. One `prediction` event ends
    the stream and alone counts: where it is red (the model server broke off), what was streamed is taken back.
    An `error` event ends a stream that could not be assessed at all.
    """
    texts = checked(body.all_texts, state)
    if len(texts) != 1:
        raise InputError("texts", len(texts), "Stream one text at a time.")
    state.task.language(body.language)
    return StreamingResponse(_events(texts[0], body, state), media_type="text/event-stream")


async def _events(text: str, body: AssessRequest, state: State) -> AsyncIterator[str]:
    try:
        async for item in state.assess.stream(text, body.language, body.source):
            if isinstance(item, Record):
                yield f"event: prediction\ndata: {to_public(item, state.task).model_dump_json()}\n\n"
            else:
                yield f"event: delta\ndata: {json.dumps({'text': item})}\n\n"
    except Exception as error:  # the status is sent already, so the reader must be told here
        log.exception("stream not assessed")
        yield f"event: error\ndata: {json.dumps(errors.unavailable(error))}\n\n"


@router.post("/v1/feedback", status_code=201, responses=_BODY | _errors(404))
async def feedback(body: FeedbackRequest, state: Current) -> FeedbackResponse:
    """Give the ground truth of a prediction."""
    kept = await give_feedback(body, state)
    return FeedbackResponse(id=kept.id, prediction_id=kept.prediction_id, label=kept.label)


@router.get("/v1/predictions/{prediction_id}", responses=_errors(404, 422, 503))
async def prediction(prediction_id: str, state: Current) -> PublicPrediction:
    """A prediction made earlier."""
    record = await state.store.get(prediction_id)
    if record is None:
        raise unknown_prediction(prediction_id)
    return to_public(record, state.task)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Alive."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"model": Health}})
async def readyz(state: Current, response: Response) -> Health:
    """Ready to assess; names what is down."""
    health = state.poll.health
    response.status_code = 200 if health.ready else 503
    return health


@router.get("/metrics", response_class=Response)
async def metrics(state: Current) -> Response:
    """Prometheus metrics."""
    return Response(state.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")


def checked(texts: list[str], state: State) -> list[str]:
    """The texts, or the first thing that is wrong with them."""
    if len(texts) > state.settings.max_texts:
        raise InputError("texts", len(texts), f"Send at most {state.settings.max_texts} texts in a request.")
    for index, text in enumerate(texts):
        if len(text) > state.task.max_input_characters:
            limit = state.task.max_input_characters
            raise InputError(f"texts.{index}", text, f"Send at most {limit} characters.")
        if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise InputError(f"texts.{index}", text, "Send text without NUL and without lone surrogates.")
    return texts


async def give_feedback(body: FeedbackRequest, state: State) -> Feedback:
    """Keep and count feedback; an unknown prediction is an InputError."""
    record = await state.store.get(body.prediction_id)
    if record is None:
        raise unknown_prediction(body.prediction_id)
    kept = Feedback(prediction_id=body.prediction_id, label=body.label, comment=body.comment)
    await state.store.add_feedback(kept)
    state.metrics.count_feedback(record, kept)
    return kept
