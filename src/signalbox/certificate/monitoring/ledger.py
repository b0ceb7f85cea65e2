"""Changes of a certificate's state: checked, then written by one of the writers that try."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from signalbox.certificate.monitoring.states import check_transition, state_of
from signalbox.contracts.certificate import (
    Certificate,
    CertificateAction,
    CertificateCause,
    CertificateEvent,
    CertificateState,
)
from signalbox.store.events import EventStore

log = logging.getLogger(__name__)


def event_of(
    certificate: Certificate,
    digest: str,
    action: CertificateAction,
    cause: CertificateCause,
    actor: str,
    reason: str,
    details: dict[str, float | int | str] | None = None,
) -> CertificateEvent:
    """An event of a certificate, not stored yet."""
    return CertificateEvent(
        task=certificate.campaign.key.task,
        campaign_id=certificate.campaign.id,
        certificate_id=certificate.id,
        certificate_digest=digest,
        action=action,
        cause=cause,
        actor=actor,
        reason=reason,
        details=details or {},
    )


async def write(
    events: EventStore, event: CertificateEvent, history: Sequence[CertificateEvent]
) -> CertificateEvent | None:
    """The event as stored, None if another writer was faster: what it wrote may change the decision.

    `history` is what the writer knew of the campaign. Raises InputError for an event that the state does not allow, and
    StoreUnavailable.
    """
    check_transition(event.action, state_of(history))
    stored = await events.append(event.model_copy(update={"position": len(history)}))
    if stored is not None:
        fields = {
            "certificate": event.certificate_id,
            "action": event.action.value,
            "cause": event.cause.value,
        }
        log.info("certificate event stored", extra=fields)
    return stored


async def write_while(
    events: EventStore, event: CertificateEvent, applies: Callable[[Sequence[CertificateEvent]], bool]
) -> CertificateEvent | None:
    """The event as stored, None if it does not apply to the history. Another writer's event leads to another try."""
    while True:
        history = await events.of_campaign(event.campaign_id)
        if not applies(history):
            return None
        if stored := await write(events, event, history):
            return stored


async def write_issue(events: EventStore, certificate: Certificate, digest: str, actor: str) -> None:
    """The row of a certificate that was issued, once, by the first reader of its file. Raises StoreUnavailable.

    A process may end between the file and its row: the next one that reads the file adds the row.
    """
    count = len(certificate.labels)
    event = event_of(
        certificate,
        digest,
        CertificateAction.ISSUE,
        CertificateCause.LABELS,
        actor,
        f"{count} labels show it",
        {"labels": count, "errors": certificate.decisive.errors},
    )

    def applies(history: Sequence[CertificateEvent]) -> bool:
        known = any(row.certificate_id == certificate.id for row in history if row.action is event.action)
        return not known and state_of(history) is not CertificateState.REVOKED

    await write_while(events, event, applies)
