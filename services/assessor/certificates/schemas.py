"""The certificates and their events as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import ConfigDict, Field, JsonValue

from signalbox.certificate.monitoring.states import by_campaign
from signalbox.certificate.standing import LoadedCertificate, state_now
from signalbox.contracts.certificate import (
    CertificateAction,
    CertificateCause,
    CertificateEvent,
    CertificateState,
)
from signalbox.contracts.labels import Label
from signalbox.contracts.record import Contract
from signalbox.contracts.routes import Route

_EXAMPLE: dict[str, JsonValue] = {
    "id": "9d0f6a1b2c3d4e5f",
    "language": "en",
    "verdict": "yes",
    "route": "decoder",
    "state": "suspended",
    "alpha": 0.1,
    "delta": 0.1,
    "threshold": 2.41,
    "share": 0.35,
    "labels": 60,
    "errors": 2,
    "issued_at": "2026-11-20T09:00:00Z",
    "expires_at": "2026-12-18T09:00:00Z",
    "events": [
        {
            "created_at": "2026-11-25T02:15:00Z",
            "action": "suspend",
            "cause": "output",
            "actor": "job/watch",
            "reason": "the probabilities of the answers changed (p = 0.0002)",
            "details": {"column": "p_yes", "p_value": 0.0002, "reference_rows": 812, "current_rows": 140},
        }
    ],
}


class PublicEvent(Contract):
    """One change of the state: what, when, who and why."""

    created_at: datetime
    action: CertificateAction
    cause: CertificateCause
    actor: str
    reason: str
    details: dict[str, float | int | str]


class PublicCertificate(Contract):
    """The newest certificate of a campaign, with the history of the campaign."""

    id: str
    language: str
    verdict: Label | None = Field(description="The verdict of the answers. None: all verdicts together.")
    route: Route
    state: CertificateState | None = Field(description="None: the events cannot be read now.")
    alpha: float = Field(description="Largest error among green answers.")
    delta: float = Field(description="Largest share of campaigns whose statement is false.")
    threshold: float = Field(description="Score from which on answers are green.")
    share: float = Field(description="Share of the answers at or above it when the campaign was planned.")
    labels: int
    errors: int
    issued_at: datetime
    expires_at: datetime
    events: list[PublicEvent] = Field(description="Oldest first.")


class CertificateList(Contract):
    """The newest certificate of each campaign, the newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"certificates": [_EXAMPLE]}]})

    certificates: list[PublicCertificate]


def listed(loaded: Sequence[LoadedCertificate], events: Sequence[CertificateEvent]) -> CertificateList:
    """The list for people and programs."""
    histories, newest = by_campaign(events), dict[str, LoadedCertificate]()
    for one in sorted(loaded, key=lambda row: row.certificate.issued_at):
        newest[one.certificate.campaign.id] = one
    rows = [_public(one, histories[campaign]) for campaign, one in newest.items()]
    return CertificateList(certificates=sorted(rows, key=lambda row: row.issued_at, reverse=True))


def _public(one: LoadedCertificate, history: Sequence[CertificateEvent]) -> PublicCertificate:
    certificate, key, row = one.certificate, one.certificate.campaign.key, one.certificate.decisive
    return PublicCertificate(
        id=certificate.id,
        language=key.language,
        verdict=key.verdict,
        route=key.route,
        state=state_now(one, datetime.now(UTC)),
        alpha=certificate.campaign.alpha,
        delta=certificate.campaign.delta,
        threshold=certificate.threshold,
        share=row.share,
        labels=row.labels,
        errors=row.errors,
        issued_at=certificate.issued_at,
        expires_at=certificate.expires_at,
        events=[
            PublicEvent.model_validate({name: getattr(event, name) for name in PublicEvent.model_fields})
            for event in history
        ],
    )
