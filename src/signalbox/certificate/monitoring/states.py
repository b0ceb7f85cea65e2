"""The state of a certificate from its events. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from signalbox.contracts.certificate import CertificateAction, CertificateEvent, CertificateState
from signalbox.errors import InputError

# Action, state before → state after. What is not in it is no change: an alarm does not bring back what was revoked, nor does
# a certificate that is issued again from the same campaign. Newer labels of it outlive a date.
_TRANSITIONS = MappingProxyType(
    {
        (CertificateAction.ISSUE, CertificateState.CERTIFIED): CertificateState.CERTIFIED,
        (CertificateAction.ISSUE, CertificateState.SUSPENDED): CertificateState.SUSPENDED,
        (CertificateAction.ISSUE, CertificateState.EXPIRED): CertificateState.CERTIFIED,
        (CertificateAction.SUSPEND, CertificateState.CERTIFIED): CertificateState.SUSPENDED,
        (CertificateAction.RESTORE, CertificateState.SUSPENDED): CertificateState.CERTIFIED,
        (CertificateAction.REVOKE, CertificateState.CERTIFIED): CertificateState.REVOKED,
        (CertificateAction.REVOKE, CertificateState.SUSPENDED): CertificateState.REVOKED,
        (CertificateAction.EXPIRE, CertificateState.CERTIFIED): CertificateState.EXPIRED,
        (CertificateAction.EXPIRE, CertificateState.SUSPENDED): CertificateState.EXPIRED,
    }
)


def state_of(events: Iterable[CertificateEvent]) -> CertificateState:
    """The state after all events of one campaign, in any order of the rows and with repeated rows."""
    state = CertificateState.CERTIFIED
    for event in history(events):
        state = _TRANSITIONS.get((event.action, state), state)
    return state


def history(events: Iterable[CertificateEvent]) -> list[CertificateEvent]:
    """The events of one campaign, oldest first, each once. The position orders them, so no clock matters."""
    return sorted({event.id: event for event in events}.values(), key=lambda event: event.position)


def by_campaign(events: Iterable[CertificateEvent]) -> Mapping[str, list[CertificateEvent]]:
    """The history of each campaign; empty for one without events."""
    rows: defaultdict[str, list[CertificateEvent]] = defaultdict(list)
    for event in events:
        rows[event.campaign_id].append(event)
    return defaultdict(list, {name: history(own) for name, own in rows.items()})


def check_transition(action: CertificateAction, state: CertificateState) -> None:
    """Raise InputError for an event that the state does not allow."""
    if (action, state) in _TRANSITIONS:
        return
    allowed = sorted(one.value for one, before in _TRANSITIONS if before is state and one.value != "issue")
    hint = f"Use {' or '.join(allowed)}." if allowed else "Plan a new campaign."
    raise InputError(
        "action",
        action.value,
        hint,
        problem=f"action: a {state.value} certificate has no `{action.value}`.",
    )
