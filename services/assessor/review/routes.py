"""The API of the queue."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from services.assessor import errors
from services.assessor.review.queue import Queue
from services.assessor.review.schemas import NextRequest, QueueItem, QueueProgress, ReviewRequest
from services.assessor.schemas import Problem
from services.assessor.state import Current, State

# Who enters labels where no keys are required.
NOBODY = "reviewer"

router = APIRouter(prefix="/v1/queue", tags=["queue"])
_KINDS = (
    errors.MALFORMED_BODY,
    errors.BODY_TOO_LARGE,
    errors.NOT_FOUND,
    errors.INVALID_INPUT,
    errors.UNAVAILABLE,
)
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    kind.status: {"model": Problem, "description": kind.title} for kind in _KINDS
}
_EMPTY: dict[int | str, dict[str, Any]] = {204: {"description": "There is none."}}


def queue_of(state: State) -> Queue:
    """The queue of an application."""
    return Queue(state.task, state.store, state.metrics)


def reviewer_of(request: Request) -> str | None:
    """The client of the API key; None where no keys are required."""
    name: str | None = getattr(request.state, "client", None)
    return name


@router.post("/next", response_model=QueueItem, responses=_PROBLEMS | _EMPTY)
async def next_item(body: NextRequest, request: Request, state: Current) -> QueueItem | Response:
    """The text that the reviewer has, else the next one of the queue."""
    item = await queue_of(state).next(reviewer_of(request) or NOBODY, body.language)
    return item or Response(status_code=204)


@router.post(
    "/reviews", status_code=201, responses=_PROBLEMS | {200: {"description": "It was stored before."}}
)
async def review(body: ReviewRequest, request: Request, response: Response, state: Current) -> None:
    """Enter a label for a text, skip it, or say that it cannot be judged."""
    reviewer = reviewer_of(request) or NOBODY
    if not await queue_of(state).enter(reviewer, body.id, body.action, body.label):
        response.status_code = 200


@router.post("/undo", response_model=QueueItem, responses=_PROBLEMS | _EMPTY)
async def undo(request: Request, state: Current) -> QueueItem | Response:
    """Take back the reviewer's newest entry, for 10 minutes and until the next one; its text comes again."""
    item = await queue_of(state).undo(reviewer_of(request) or NOBODY)
    return item or Response(status_code=204)


@router.get("/progress", responses=_PROBLEMS)
async def progress(state: Current) -> QueueProgress:
    """How many labels are still needed, and how often two reviewers agree."""
    return await queue_of(state).progress()
