"""The state of a certificate follows from its events."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from signalbox.certificate.monitoring.states import check_transition, history, state_of
from signalbox.contracts.certificate import CertificateAction, CertificateEvent, CertificateState
from signalbox.errors import InputError

START = datetime(2026, 11, 1, tzinfo=UTC)


def event(action: str, minute: int, certificate_id: str = "one") -> CertificateEvent:
    return CertificateEvent(
        id=f"{action}-{minute}",
        created_at=START + timedelta(minutes=minute),
        certificate_id=certificate_id,
        action=CertificateAction(action),
        actor="job/drift",
        reason="a test",
    )


@pytest.mark.parametrize(
    ("actions", "state"),
    [
        ([], "certified"),
        (["issue"], "certified"),
        (["issue", "suspend"], "suspended"),
        (["issue", "suspend", "restore"], "certified"),
        (["issue", "suspend", "restore", "revoke"], "revoked"),
        (["issue", "suspend", "revoke", "restore", "suspend"], "revoked"),
        (["issue", "restore"], "certified"),
    ],
)
def test_events_in_any_order_of_rows_give_one_state(actions, state):
    events = [event(action, minute) for minute, action in enumerate(actions)]
    for rows in itertools.islice(itertools.permutations(events), 24):
        assert state_of("one", [*rows, *rows]) is CertificateState(state)


def test_events_of_other_certificates_do_not_matter():
    assert state_of("one", [event("revoke", 1, "other")]) is CertificateState.CERTIFIED


def test_at_the_same_moment_the_stricter_event_decides():
    """Two writers may act at once: what takes away more stays."""
    suspended = event("suspend", 1)
    both = [event("restore", 2), event("suspend", 2)]
    assert state_of("one", [suspended, *both]) is CertificateState.SUSPENDED
    assert state_of("one", [suspended, *both[::-1]]) is CertificateState.SUSPENDED
    assert state_of("one", [suspended, event("restore", 2), event("revoke", 2)]) is CertificateState.REVOKED


def test_the_history_has_each_event_once():
    rows = [event("suspend", 2), event("issue", 1), event("suspend", 2)]
    assert [row.action.value for row in history("one", rows)] == ["issue", "suspend"]


def test_an_event_that_changes_nothing_is_an_error():
    check_transition(CertificateAction.REVOKE, CertificateState.CERTIFIED)
    with pytest.raises(InputError, match="Plan a new campaign"):
        check_transition(CertificateAction.RESTORE, CertificateState.REVOKED)
    with pytest.raises(InputError, match="Use revoke or suspend"):
        check_transition(CertificateAction.RESTORE, CertificateState.CERTIFIED)
