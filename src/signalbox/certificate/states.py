"""The state of a certificate from its events. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from signalbox.contracts.certificate import CertificateAction, CertificateEvent, CertificateState
from signalbox.errors import InputError

# Action → state before → state after. What is not in it is no change: an alarm does not bring back what was revoked.
_TRANSITIONS = MappingProxyType(
    {
        (CertificateAction.SUSPEND, CertificateState.CERTIFIED): CertificateState.SUSPENDED,
        (CertificateAction.RESTORE, CertificateState.SUSPENDED): CertificateState.CERTIFIED,
        (CertificateAction.REVOKE, CertificateState.CERTIFIED): CertificateState.REVOKED,
        (CertificateAction.REVOKE, CertificateState.SUSPENDED): CertificateState.REVOKED,
    }
)


def state_of(certificate_id: str, events: Iterable[CertificateEvent]) -> CertificateState:
    """The state after all events of a certificate, in any order of the rows and with repeated rows.

    Of events at the same moment the one that takes away more decides, so that two writers get the same result.
    """
    state = CertificateState.CERTIFIED
    for event in history(certificate_id, events):
        state = _TRANSITIONS.get((event.action, state), state)
    return state


def history(certificate_id: str, events: Iterable[CertificateEvent]) -> list[CertificateEvent]:
    """The events of a certificate, oldest first, each once."""
    own = {event.id: event for event in events if event.certificate_id == certificate_id}
    severity = list(CertificateAction)
    return sorted(
        own.values(), key=lambda event: (event.created_at, -_rank(event.action, severity), event.id)
    )


def check_transition(action: CertificateAction, state: CertificateState) -> None:
    """Raise InputError for an event that would change nothing."""
    if action is not CertificateAction.ISSUE and (action, state) not in _TRANSITIONS:
        allowed = sorted(one.value for one, before in _TRANSITIONS if before is state)
        hint = f"Use {' or '.join(allowed)}." if allowed else "Plan a new campaign."
        raise InputError(
            "action",
            action.value,
            hint,
            problem=f"action: a {state.value} certificate has no `{action.value}`.",
        )


def _rank(action: CertificateAction, severity: list[CertificateAction]) -> int:
    # Sorted first comes what a later row at the same moment may override: restore before suspend before revoke.
    order = {CertificateAction.REVOKE: 0, CertificateAction.SUSPEND: 1, CertificateAction.RESTORE: 2}
    return order.get(action, len(severity))
