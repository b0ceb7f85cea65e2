"""The rule for the traffic light: pure, from an answer and its thresholds to a light with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.record import Verdict
from signalbox.errors import ModelError, ModelRejected, ModelTimeout, ModelUnparsable
from signalbox.models.base import Answer
from signalbox.thresholds import Thresholds

_FAILURE_REASONS: dict[type[ModelError], LightReason] = {
    ModelTimeout: LightReason.TIMEOUT,
    ModelRejected: LightReason.REJECTED,
    ModelUnparsable: LightReason.UNPARSABLE,
}


@dataclass(frozen=True)
class Decision:
    """A verdict with its light. `candidate` is the light that a certificate would allow."""

    verdict: Verdict
    light: Light
    candidate: Light
    reason: LightReason


def decide(answer: Answer, thresholds: Thresholds | None) -> Decision:
    """The light of an answer.

    Without a certificate nothing is green: a confident answer is a green *candidate* shown yellow.
    """
    if answer.stated is Verdict.NEUTRAL:
        return _withheld(LightReason.NEUTRAL)
    if answer.p_yes is None:
        return _withheld(LightReason.UNPARSABLE)
    if thresholds is None:
        return Decision(answer.stated, Light.YELLOW, Light.YELLOW, LightReason.UNCALIBRATED)
    verdict = Verdict.YES if answer.p_yes >= thresholds.decision else Verdict.NO
    if _too_close(answer.p_yes, thresholds):
        return Decision(verdict, Light.RED, Light.RED, LightReason.TOO_CLOSE)
    if answer.justification and verdict is not answer.stated:
        return Decision(verdict, Light.YELLOW, Light.YELLOW, LightReason.CONTRADICTION)
    if _confident(answer.p_yes, thresholds):
        return Decision(verdict, Light.YELLOW, Light.GREEN, LightReason.PROVISIONAL)
    return Decision(verdict, Light.YELLOW, Light.YELLOW, LightReason.UNSURE)


def decide_failure(error: ModelError) -> Decision:
    """The light when there is no answer: red, with the reason."""
    return _withheld(_FAILURE_REASONS.get(type(error), LightReason.UNAVAILABLE))


def is_sure(decision: Decision) -> bool:
    """Whether a cascade may stop here instead of asking the next model."""
    return decision.candidate is Light.GREEN


def _withheld(reason: LightReason) -> Decision:
    return Decision(Verdict.NEUTRAL, Light.RED, Light.RED, reason)


def _confident(p_yes: float, thresholds: Thresholds) -> bool:
    high, low = thresholds.confident_yes, thresholds.confident_no
    return (high is not None and p_yes >= high) or (low is not None and p_yes <= low)


def _too_close(p_yes: float, thresholds: Thresholds) -> bool:
    """Inside the unclear zone: its ends are outside, but where it is cut off at 0 or 1 it holds them."""
    low, high = thresholds.unclear_low, thresholds.unclear_high
    return low < high and (p_yes > low or low == 0.0) and (p_yes < high or high == 1.0)
