"""The API."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from services.assessor import errors
from services.assessor.review.feedback import add_feedback
from services.assessor.routes.presence import Presence, Present
from services.assessor.routes.requests import AssessRequest
from services.assessor.schemas import (
    AssessResponse,
    FeedbackRequest,
    FeedbackResponse,
    Health,
    Problem,
    PublicPrediction,
)
from services.assessor.state import Current, State
from signalbox.contracts.record import Record
from signalbox.contracts.routes import MODELS
from signalbox.errors import InputError
from signalbox.store.base import unknown_prediction

log = logging.getLogger(__name__)

router = APIRouter()
Responses = dict[int | str, dict[str, Any]]


def _problems(*kinds: errors.Kind) -> Responses:
    return {kind.status: {"model": Problem, "description": kind.title} for kind in kinds}


_BODY = _problems(errors.MALFORMED_BODY, errors.BODY_TOO_LARGE, errors.INVALID_INPUT, errors.UNAVAILABLE)
_EVENTS: Responses = {
    200: {
        "content": {
            "text/event-stream": {
                "example": 'event: delta\ndata: {"text": "Yes."}\n\nevent: prediction\ndata: {"id": "…", …}\n\n'
            }
        }
    }
}


@router.post("/v1/assess", responses=_BODY)
async def assess(body: AssessRequest, state: Current, presence: Present) -> AssessResponse:
    """Assess one or several texts: light, verdict, justification, and the evidence if the request asks for it."""
    return await assessed(body, state, presence)


async def assessed(body: AssessRequest, state: State, presence: Presence) -> AssessResponse:
    """The response to a request that is valid by itself.

    Raises InputError, SetupError, SpoolFull, and ClientDisconnect once nobody waits for it.
    """
    records = await state.assess.assess(
        body.all_texts,
        body.language,
        state.route(body.route),
        body.source,
        context=body.passages,
        evidence=MODELS if body.evidence else (),
        justifies=body.justification,
        presence=presence,
    )
    return AssessResponse(predictions=[state.public(record) for record in records])


@router.post("/v1/assess/stream", response_class=StreamingResponse, responses=_BODY | _EVENTS)
async def assess_stream(body: AssessRequest, state: Current) -> StreamingResponse:
    """Assess one text with the decoder and stream its words as server-sent events.

    `delta` events contain the words; they start when the light can no longer turn red because of them. A single
    `prediction` event ends the stream, and only this event is the result: if it is red (the model server closed the
    connection), discard the words. An `error` event with a problem ends a stream without a result.

    Another `model` than the decoder, or `justification` false, is an error: send it to `/v1/assess`.
    """
    texts = body.all_texts
    state.route("decoder")
    _check_streamed(body)
    state.assess.check(texts, body.language)
    state.assess.check_context(body.passages, "decoder")
    if len(texts) != 1:
        raise InputError("texts", len(texts), "Stream one text at a time.")
    return StreamingResponse(_events(texts[0], body, state), media_type="text/event-stream")


def _check_streamed(body: AssessRequest) -> None:
    """Raise InputError for what only an answer in one piece can have."""
    if body.route not in (None, "decoder"):
        problem = f"The route `{body.route}` has no stream: only the decoder has words."
        raise InputError(
            "model", body.route, "Remove the model, or send the text to /v1/assess.", problem=problem
        )
    if not body.justification:
        hint = "Remove the field, or send the text to /v1/assess."
        raise InputError("justification", False, hint, problem="A stream has the decoder's justification.")


async def _events(text: str, body: AssessRequest, state: State) -> AsyncIterator[str]:
    try:
        async for item in state.assess.stream(
            text, body.language, body.source, context=body.passages, evidence=body.evidence
        ):
            if isinstance(item, Record):
                yield f"event: prediction\ndata: {state.public(item).model_dump_json()}\n\n"
            else:
                yield f"event: delta\ndata: {json.dumps({'text': item})}\n\n"
    except Exception as error:  # the status is sent already, so the stream itself carries the error
        log.exception("assessment failed while streaming")
        yield f"event: error\ndata: {errors.problem_of(error).model_dump_json()}\n\n"


@router.post("/v1/feedback", status_code=201, responses=_BODY | _problems(errors.NOT_FOUND))
async def feedback(body: FeedbackRequest, state: Current) -> FeedbackResponse:
    """Store the correct answer (ground truth) of a prediction."""
    entry = await add_feedback(body, state.task, state.store, state.metrics)
    return FeedbackResponse(id=entry.id, prediction_id=entry.prediction_id, label=entry.label)


@router.get(
    "/v1/predictions/{prediction_id}",
    responses=_problems(errors.NOT_FOUND, errors.INVALID_INPUT, errors.UNAVAILABLE),
)
async def prediction(prediction_id: str, state: Current) -> PublicPrediction:
    """An earlier prediction; one with the reason `requested` shows its verdict after the feedback."""
    return state.public(await _earlier(prediction_id, state))


@router.post(
    "/v1/predictions/{prediction_id}/evidence",
    responses=_problems(errors.NOT_FOUND, errors.INVALID_INPUT, errors.UNAVAILABLE),
)
async def evidence(prediction_id: str, state: Current, presence: Present) -> PublicPrediction:
    """An earlier prediction with its evidence, measured now unless the prediction has it. It is not stored."""
    record = await _earlier(prediction_id, state)
    with presence:
        return state.public(await state.assess.explainer.complete(record))


async def _earlier(prediction_id: str, state: State) -> Record:
    """A stored record as people see it now. Raises NotFoundError."""
    record = await state.store.get(prediction_id)
    if record is None:
        raise unknown_prediction(prediction_id)
    if not record.asked:
        return record
    entries = await state.store.feedback_for(record.id)
    return state.judged(record, entries)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Liveness: the process answers."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"model": Health}})
async def readyz(state: Current, response: Response) -> Health:
    """Readiness of this process, and the state of each upstream. No upstream is required: without a model, answers are
    red; without the store, records are spooled.
    """
    health = state.poll.health
    response.status_code = 200 if health.ready else 503
    return health


@router.get("/metrics", response_class=Response)
async def metrics(state: Current) -> Response:
    """Prometheus metrics."""
    return Response(state.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")
