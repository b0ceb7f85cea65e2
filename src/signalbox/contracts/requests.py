"""Requests for ground truth: which answers people are asked about, and what they enter.

All rows are append-only. The effective entry of a review is the newest one, an undo is a row, too.
"""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from signalbox.contracts.certificate import Campaign
from signalbox.contracts.labels import Label, Probability, Verdict
from signalbox.contracts.record import Contract

Reviewer = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class ReviewAction(StrEnum):
    """What a reviewer does with a request. SKIP leaves it in the queue; UNJUDGEABLE ends it without a label."""

    LABEL = "label"
    SKIP = "skip"
    UNJUDGEABLE = "unjudgeable"
    UNDO = "undo"


# Actions after which a request is done.
FINAL = frozenset({ReviewAction.LABEL, ReviewAction.UNJUDGEABLE})


class Sampling(Contract):
    """A campaign with the chance of each answer in its zone to be requested. Written before its first label."""

    campaign: Campaign
    propensity: Annotated[float, Field(gt=0.0, le=1.0)]
    second_share: Probability = Field(
        default=0.0, description="Share of the requests that a second person answers, too."
    )


class LabelRequest(Contract):
    """One answer whose ground truth is requested. There is one request a text, whatever asked for it.

    `campaign_id` is None for an answer that was shown red to get a label; its entry is feedback.
    """

    id: str = Field(default_factory=lambda: str(uuid.uuid4()))
    campaign_id: str | None
    task: str
    language: str
    record_id: str
    input_sha256: str
    verdict: Verdict
    score: float
    propensity: Annotated[float, Field(gt=0.0, le=1.0)]
    rank: float = Field(ge=0.0, description="Order in the queue; random, and the same at each replay.")
    second: bool = Field(default=False, description="Whether a second person answers it, too.")


class Assignment(Contract):
    """A request that is with a reviewer. `slot` 2 is the second review. `attempt` counts from 1 for each slot."""

    request_id: str
    slot: int = Field(ge=1, le=2)
    attempt: int = Field(ge=1)
    reviewer: Reviewer


class Review(Contract):
    """One entry of a reviewer for an assignment."""

    id: str = Field(default_factory=lambda: str(uuid.uuid4()))
    request_id: str
    slot: int = Field(ge=1, le=2)
    attempt: int = Field(ge=1)
    reviewer: Reviewer
    action: ReviewAction
    label: Label | None = None

    @model_validator(mode="after")
    def _has_a_label(self) -> Self:
        if (self.label is not None) != (self.action is ReviewAction.LABEL):
            raise ValueError("label: belongs to the action `label`, and to no other")
        return self


class ReviewState(Contract):
    """A request with one of its slots: when it was handed out first, and its entries, oldest first.

    `asked_at` None: it is still waiting. `entries` has the action, the label and the time of each entry.
    """

    request: LabelRequest
    slot: int
    asked_at: AwareDatetime | None
    entries: tuple[ReviewEntry, ...] = ()

    @property
    def newest(self) -> ReviewEntry | None:
        """The entry that counts; an undo takes back the one before it."""
        if not self.entries or self.entries[-1].action is ReviewAction.UNDO:
            return None
        return self.entries[-1]

    @property
    def is_done(self) -> bool:
        """Whether nobody has to look at it again."""
        return self.newest is not None and self.newest.action in FINAL


class ReviewEntry(Contract):
    """One row of a review as stored."""

    action: ReviewAction
    label: Label | None
    reviewer: str
    created_at: AwareDatetime


ReviewState.model_rebuild()
