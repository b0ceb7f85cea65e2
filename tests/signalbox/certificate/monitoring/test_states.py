"""The state of a certificate follows from its events."""

import itertools
from datetime import UTC, datetime

import pytest

from signalbox.certificate.monitoring.states import by_campaign, check_transition, history, state_of
from signalbox.contracts.certificate import (
    CertificateAction,
    CertificateCause,
    CertificateEvent,
    CertificateState,
)
from signalbox.errors import InputError

START = datetime(2026, 11, 1, tzinfo=UTC)


def event(action: str, position: int, campaign_id: str = "one") -> CertificateEvent:
    """All at one moment: the position decides, not the clock."""
    return CertificateEvent(
        id=f"{action}-{position}-{campaign_id}",
        created_at=START,
        task="medical",
        campaign_id=campaign_id,
        certificate_id="c",
        certificate_digest="d",
        position=position,
        action=CertificateAction(action),
        cause=CertificateCause.PERSON,
        actor="job/watch",
        reason="a test",
    )


@pytest.mark.parametrize(
    ("actions", "state"),
    [
        ([], "certified"),
        (["issue"], "certified"),
        (["issue", "suspend"], "suspended"),
        (["issue", "suspend", "issue"], "suspended"),
        (["issue", "suspend", "restore"], "certified"),
        (["issue", "suspend", "restore", "revoke"], "revoked"),
        (["issue", "suspend", "revoke", "restore", "issue"], "revoked"),
        (["issue", "restore"], "certified"),
        (["issue", "expire"], "expired"),
        (["issue", "expire", "issue"], "certified"),
    ],
)
def test_events_in_any_order_of_rows_give_one_state(actions, state):
    events = [event(action, position) for position, action in enumerate(actions)]
    for rows in itertools.islice(itertools.permutations(events), 24):
        assert state_of([*rows, *rows]) is CertificateState(state)


def test_each_campaign_has_its_own_history():
    histories = by_campaign([event("issue", 0), event("revoke", 1, "other"), event("issue", 0, "other")])
    assert [row.action.value for row in histories["other"]] == ["issue", "revoke"]
    assert state_of(histories["one"]) is CertificateState.CERTIFIED
    assert histories["none"] == []


def test_the_history_has_each_event_once():
    rows = [event("suspend", 1), event("issue", 0), event("suspend", 1)]
    assert [row.action.value for row in history(rows)] == ["issue", "suspend"]


def test_an_event_that_the_state_does_not_allow_is_an_error():
    check_transition(CertificateAction.REVOKE, CertificateState.CERTIFIED)
    with pytest.raises(InputError, match="Plan a new campaign"):
        check_transition(CertificateAction.RESTORE, CertificateState.REVOKED)
    with pytest.raises(InputError, match="Use expire or revoke or suspend"):
        check_transition(CertificateAction.RESTORE, CertificateState.CERTIFIED)
