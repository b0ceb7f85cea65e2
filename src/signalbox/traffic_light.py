"""The rule for the traffic light: pure, from an answer and its thresholds to a light with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from signalbox.contracts.labels import ABSTAIN, NEUTRAL, LabelProbabilities, Verdict
from signalbox.contracts.light import Light, LightReason
from signalbox.errors import ModelError, ModelRejected, ModelTimeout, ModelUnparsable
from signalbox.models.base import Answer
from signalbox.thresholds import Thresholds, score_of

_FAILURE_REASONS: dict[type[ModelError], LightReason] = {
    ModelTimeout: LightReason.TIMEOUT,
    ModelRejected: LightReason.REJECTED,
    ModelUnparsable: LightReason.UNPARSABLE,
}


@dataclass(frozen=True)
class Decision:
    """A verdict with its light. `candidate` is the light that a certificate would allow; a larger `score` is surer."""

    verdict: Verdict
    light: Light
    candidate: Light
    reason: LightReason
    score: float | None = None


def decide(answer: Answer, thresholds: Thresholds | None) -> Decision:
    """The light of an answer.

    Without a certificate nothing is green: a confident answer is a green *candidate* shown yellow.
    """
    if answer.stated in (NEUTRAL, ABSTAIN):
        return _withheld(LightReason.NEUTRAL)
    if answer.probabilities is None:
        return _withheld(LightReason.UNPARSABLE)
    if thresholds is None or not thresholds.cover(answer.probabilities):
        score = score_of(answer.probabilities, None)
        return Decision(answer.stated, Light.YELLOW, Light.YELLOW, LightReason.UNCALIBRATED, score)
    verdict = thresholds.verdict(answer.probabilities)
    if verdict == ABSTAIN:
        return _withheld(LightReason.NEUTRAL)
    contradicts = bool(answer.justification) and verdict != answer.stated
    lights = _lights(answer.probabilities, thresholds, contradicts=contradicts)
    return Decision(verdict, *lights, score_of(answer.probabilities, thresholds))


def decide_failure(error: ModelError) -> Decision:
    """The light when there is no answer: red, with the reason."""
    return _withheld(_FAILURE_REASONS.get(type(error), LightReason.UNAVAILABLE))


def is_sure(decision: Decision) -> bool:
    """Whether a cascade may stop here instead of asking the next model."""
    return decision.candidate is Light.GREEN


def _lights(
    probabilities: LabelProbabilities, thresholds: Thresholds, *, contradicts: bool
) -> tuple[Light, Light, LightReason]:
    """The light, the candidate and the reason of a verdict."""
    if thresholds.is_unclear(probabilities):
        return Light.RED, Light.RED, LightReason.TOO_CLOSE
    if contradicts:
        return Light.YELLOW, Light.YELLOW, LightReason.CONTRADICTION
    if thresholds.is_confident(probabilities):
        return Light.YELLOW, Light.GREEN, LightReason.PROVISIONAL
    return Light.YELLOW, Light.YELLOW, LightReason.UNSURE


def _withheld(reason: LightReason) -> Decision:
    return Decision(NEUTRAL, Light.RED, Light.RED, reason)
