"""What labels and alarms say about a certificate that is in use: suspend, restore or revoke. Pure, and by replay.

Labels are those that were shown red to be judged before their verdict. At any moment every answer of the zone has the same
chance of it, and the chance depends on the past only. So a label is a random draw of the answers at its time, whatever the
chance was, and needs no weight (docs/decisions/0042-watch.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from signalbox.certificate.boundary import allowed_any_time
from signalbox.certificate.check import standing_problem
from signalbox.certificate.folder import VerifiedCertificate
from signalbox.certificate.labels import Labels
from signalbox.certificate.monitoring.detector import Detector
from signalbox.certificate.monitoring.ledger import event_of
from signalbox.certificate.monitoring.states import history, state_of
from signalbox.certificate.planning import passes
from signalbox.contracts.certificate import (
    CertificateAction,
    CertificateCause,
    CertificateEvent,
    CertificateLabel,
    CertificateState,
)

ACTOR = "job/watch"
# Labels for which the test of a suspension is most powerful: a restoration is to need few of them.
RESTORE_LABELS = 50


@dataclass(frozen=True)
class Alarm:
    """A change that was seen without labels."""

    cause: CertificateCause
    reason: str
    details: dict[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """What is known about one campaign: its certificates, oldest first, its events, and its labels until now.

    `open_requests`: times of the requests without an entry.
    """

    certificates: tuple[VerifiedCertificate, ...]
    events: tuple[CertificateEvent, ...]
    labels: Labels
    open_requests: tuple[datetime, ...] = ()

    @property
    def newest(self) -> VerifiedCertificate:
        """The certificate that counts."""
        return self.certificates[-1]

    @property
    def state(self) -> CertificateState:
        return state_of(self.events)

    @property
    def new_labels(self) -> tuple[CertificateLabel, ...]:
        """Labels of the certified zone that no certificate rested on when the campaign had its first one.

        Which labels these are follows from their texts, so that no clock can count one twice or lose it.
        """
        used = {label.input_sha256 for label in self.certificates[0].certificate.labels}
        threshold = self.newest.certificate.threshold
        return tuple(
            label
            for label in self.labels.answered
            if label.input_sha256 not in used and label.score >= threshold
        )

    @property
    def detector(self) -> Detector:
        """The detector after all new labels, in the order asked."""
        detector = Detector(self.newest.certificate.campaign.alpha)
        for label in self.new_labels:
            detector = detector.add(label.wrong)
        return detector

    @property
    def suspended_at(self) -> datetime | None:
        """Time of the newest suspension, None if the certificate is not suspended."""
        if self.state is not CertificateState.SUSPENDED:
            return None
        rows = [row for row in history(self.events) if row.action is CertificateAction.SUSPEND]
        return rows[-1].created_at

    @property
    def windows(self) -> tuple[datetime, datetime]:
        """The time whose answers are known to be right often enough: of the campaign, or of the last suspension that ended."""
        rows = history(self.events)
        for before, after in zip(rows[-2::-1], rows[:0:-1], strict=True):
            if after.action is CertificateAction.RESTORE:
                return before.created_at, after.created_at
        certificate = self.newest.certificate
        return certificate.campaign.planned_at, certificate.issued_at


def decide(
    observation: Observation, alarms: Sequence[Alarm], now: datetime, actor: str = ACTOR
) -> CertificateEvent | None:
    """The event that follows from labels and alarms, None for no change. The detector goes before the alarms."""
    certificate, digest = observation.newest.certificate, observation.newest.digest
    state, detector = observation.state, observation.detector

    def event(
        action: CertificateAction,
        cause: CertificateCause,
        reason: str,
        details: dict[str, float | int | str] | None = None,
    ) -> CertificateEvent:
        return event_of(certificate, digest, action, cause, actor, reason, details)

    if state not in (CertificateState.CERTIFIED, CertificateState.SUSPENDED):
        return None
    figures = figures_of(observation)
    if detector.alarm:
        reason = (
            f"{figures['errors']} of {figures['labels']} labels since the certificate was issued are wrong"
        )
        return event(CertificateAction.REVOKE, CertificateCause.DETECTOR, reason, figures)
    if standing_problem(certificate, now) == "expired":
        reason = f"valid until {certificate.expires_at:%Y-%m-%d %H:%M} UTC"
        return event(CertificateAction.EXPIRE, CertificateCause.DATE, reason)
    if state is CertificateState.SUSPENDED:
        labels = _since_suspension(observation)
        if not _shown_again(labels, observation):
            return None
        wrong = sum(label.wrong for label in labels)
        reason = f"{wrong} of {len(labels)} labels since the suspension are wrong, which shows it again"
        counts: dict[str, float | int | str] = {"labels": len(labels), "errors": wrong}
        return event(CertificateAction.RESTORE, CertificateCause.LABELS, reason, counts)
    if alarms:
        first = alarms[0]
        return event(
            CertificateAction.SUSPEND, first.cause, "; ".join(one.reason for one in alarms), first.details
        )
    return None


def figures_of(observation: Observation) -> dict[str, float | int | str]:
    """New labels, errors among them, and the evidence of the detector."""
    labels = observation.new_labels
    level = round(observation.detector.level, 1)
    return {"labels": len(labels), "errors": sum(label.wrong for label in labels), "evidence": level}


def _since_suspension(observation: Observation) -> list[CertificateLabel]:
    since = observation.suspended_at
    return [label for label in observation.new_labels if since is not None and label.asked_at > since]


def _shown_again(labels: Sequence[CertificateLabel], observation: Observation) -> bool:
    """The test of the certificate at its threshold, on the labels since the suspension only; valid at any time."""
    campaign = observation.newest.certificate.campaign
    allowed = allowed_any_time(campaign.alpha, campaign.delta, RESTORE_LABELS, len(labels))
    wrong = [label.wrong for label in labels]
    return passes(wrong, allowed) and sum(wrong) <= campaign.alpha * len(wrong)
