"""Evidence: which part of the input carries a verdict, which speaks against it, and why there may be none."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

# What a part is. One of several sentences or passages: neighbors were left out together, to save calls.
EvidenceUnit = Literal["sentence", "sentences", "words", "passage", "passages"]


class EvidenceStatus(StrEnum):
    """Whether there is evidence, and why not. Stored in records: never rename one."""

    MEASURED = "measured"
    PARTIAL = "partial"  # the model stopped answering, or gave no probability without some part
    WITHHELD = "withheld"  # the light is red: evidence would say what the verdict is
    NO_VERDICT = "no_verdict"  # Neutral: there is nothing to be for or against
    NO_PROBABILITIES = "no_probabilities"
    NO_ANSWER = "no_answer"  # no model answered
    TOO_SHORT = "too_short"  # nothing can be left out
    NO_CALLS = "no_calls"  # the budget of calls is 0
    FAILED = "failed"  # the model did not answer any call for the evidence
    OTHER_RELEASE = "other_release"  # another release of the model answers now
    NO_TEXT = "no_text"  # texts are not stored, so nothing can be left out later


class Effect(StrEnum):
    """The effect of a part on the verdict."""

    FOR = "for"
    AGAINST = "against"
    IRRELEVANT = "irrelevant"


# Removing a relevant part moves the verdict's probability by at least this much. docs/reference/evidence.md has how often
# background sentences do.
RELEVANT_CHANGE = 0.05


def effect_of(weight: float) -> Effect:
    """The effect of a part from its weight, the change of the verdict's probability."""
    if abs(weight) < RELEVANT_CHANGE:
        return Effect.IRRELEVANT
    return Effect.FOR if weight > 0 else Effect.AGAINST
