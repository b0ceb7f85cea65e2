"""The rule for the traffic light: pure, from an answer and its thresholds to a light with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

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


LEAST_VERDICT_MASS = 0.5


@dataclass(frozen=True)
class Standing:
    """What a certificate says about answers of a verdict: green from `threshold` on if `reason` is CERTIFIED.

    Another reason says why it does not count now.
    """

    threshold: float
    digest: str
    reason: LightReason = LightReason.CERTIFIED


# By verdict; None has the certificate of all verdicts together.
Standings = Mapping[Verdict | None, Standing]
_NONE: Standings = MappingProxyType({})


@dataclass(frozen=True)
class Decision:
    """A verdict with its light. `candidate` is the light that a certificate would allow; a larger `score` is surer.

    `certificate` is the digest of the certificate that makes it green.
    """

    verdict: Verdict
    light: Light
    candidate: Light
    reason: LightReason
    score: float | None = None
    certificate: str | None = None


def decide(
    answer: Answer,
    thresholds: Thresholds | None,
    standings: Standings = _NONE,
    *,
    least_mass: float = LEAST_VERDICT_MASS,
) -> Decision:
    """The light of an answer.

    Without a certificate nothing is green: a confident answer is a green *candidate* shown yellow. `standings` are those of
    the certificates for this language and route; `least_mass` is the least probability on the labels of a green answer.
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
    never_green = _reason_against_green(answer, contradicts=contradicts, least_mass=least_mass)
    decision = Decision(
        verdict,
        *_lights(answer.probabilities, thresholds, never_green),
        score_of(answer.probabilities, thresholds),
    )
    return decision if never_green else _with_certificate(decision, standings)


def decide_failure(error: ModelError) -> Decision:
    """The light when there is no answer: red, with the reason."""
    return _withheld(_FAILURE_REASONS.get(type(error), LightReason.UNAVAILABLE))


def is_sure(decision: Decision) -> bool:
    """Whether a cascade may stop here instead of asking the next model."""
    return decision.candidate is Light.GREEN


def _reason_against_green(answer: Answer, *, contradicts: bool, least_mass: float) -> LightReason | None:
    """Why an answer can never be green, whatever its probabilities are."""
    if contradicts:
        return LightReason.CONTRADICTION
    if answer.verdict_mass is not None and answer.verdict_mass < least_mass:
        return LightReason.LOW_MASS
    return LightReason.TRUNCATED if answer.truncated else None


def _lights(
    probabilities: LabelProbabilities, thresholds: Thresholds, never_green: LightReason | None
) -> tuple[Light, Light, LightReason]:
    """The light, the candidate and the reason of a verdict without a certificate."""
    if thresholds.is_unclear(probabilities):
        return Light.RED, Light.RED, LightReason.TOO_CLOSE
    if never_green:
        return Light.YELLOW, Light.YELLOW, never_green
    if thresholds.is_confident(probabilities):
        return Light.YELLOW, Light.GREEN, LightReason.PROVISIONAL
    return Light.YELLOW, Light.YELLOW, LightReason.UNSURE


def _with_certificate(decision: Decision, standings: Standings) -> Decision:
    """Green inside the zone of a certificate. The candidate stays: it routes a cascade, which is certified as it is."""
    standing = standings.get(decision.verdict) or standings.get(None)
    if standing is None or decision.light is Light.RED or decision.score is None:
        return decision
    if decision.score < standing.threshold:
        return replace(decision, reason=LightReason.OUTSIDE_ZONE)
    if standing.reason is not LightReason.CERTIFIED:
        return replace(decision, reason=standing.reason)
    return replace(decision, light=Light.GREEN, reason=LightReason.CERTIFIED, certificate=standing.digest)


def _withheld(reason: LightReason) -> Decision:
    return Decision(NEUTRAL, Light.RED, Light.RED, reason)
