"""Which certificate counts for an answer, and why not if none does. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from signalbox.certificate.check import standing_problem
from signalbox.certificate.keys import differences
from signalbox.contracts.certificate import Certificate, CertificateState
from signalbox.contracts.labels import Verdict
from signalbox.contracts.light import LightReason
from signalbox.contracts.record import ModelRelease
from signalbox.contracts.routes import Route
from signalbox.traffic_light import Standing

_REASONS: Mapping[CertificateState, LightReason] = MappingProxyType(
    {
        CertificateState.CERTIFIED: LightReason.CERTIFIED,
        CertificateState.SUSPENDED: LightReason.SUSPENDED,
        CertificateState.REVOKED: LightReason.REVOKED,
        CertificateState.EXPIRED: LightReason.EXPIRED,
    }
)


@dataclass(frozen=True)
class LoadedCertificate:
    """A verified certificate with its digest and state; None: its events could not be read."""

    certificate: Certificate
    digest: str
    state: CertificateState | None


@dataclass(frozen=True)
class AnswerKey:
    """What an answer is checked by, besides its verdict and score."""

    language: str
    route: Route
    release: ModelRelease
    thresholds_digest: str | None
    prompt_digest: str | None


def standings(
    loaded: Iterable[LoadedCertificate], task: str, answer: AnswerKey, now: datetime
) -> dict[Verdict | None, Standing]:
    """For each verdict the standing of its newest certificate for this answer.

    A certificate that fits the answer's release, prompt and thresholds goes before one that does not, whose standing says
    why nothing is green.
    """
    best: dict[Verdict | None, tuple[tuple[bool, datetime], Standing]] = {}
    for one in loaded:
        key = one.certificate.campaign.key
        if (key.task, key.language, key.route) != (task, answer.language, answer.route):
            continue
        reason = _reason(one, answer, now)
        rank = (reason is not LightReason.OTHER_KEY, one.certificate.issued_at)
        if key.verdict not in best or rank > best[key.verdict][0]:
            best[key.verdict] = (rank, Standing(one.certificate.threshold, one.digest, reason))
    return {verdict: standing for verdict, (_, standing) in best.items()}


def state_now(one: LoadedCertificate, now: datetime) -> CertificateState | None:
    """The state for people and metrics: a date that has passed ends it, whether there is an event about it or not."""
    if one.state is not CertificateState.REVOKED and standing_problem(one.certificate, now) == "expired":
        return CertificateState.EXPIRED
    return one.state


def _reason(one: LoadedCertificate, answer: AnswerKey, now: datetime) -> LightReason:
    different = differences(
        one.certificate.campaign.key,
        release=answer.release,
        thresholds_digest=answer.thresholds_digest,
        prompt=answer.prompt_digest,
    )
    if different:
        return LightReason.OTHER_KEY
    # A date in the future is a clock that is wrong, here or there: what it says about the end is not known either.
    if standing_problem(one.certificate, now):
        return LightReason.EXPIRED
    return LightReason.STATE_UNKNOWN if one.state is None else _REASONS[one.state]
