"""What a record says about its thresholds and about the request for its ground truth."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from signalbox.contracts.record import Feedback, Record
from tests.helpers import record

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NAIVE = datetime(2026, 11, 25, 12)  # noqa: DTZ001 - the case under test


def old(**changes) -> dict[str, object]:
    """A record as the version before wrote it."""
    new = {"thresholds_digest", "certificate_digest", "asked", "asked_at", "propensity"}
    return {**record().model_dump(mode="json", exclude=new), "sampling_propensity": 1.0, **changes}


def test_by_default_nobody_was_asked():
    one = record()
    assert (one.asked, one.asked_at, one.propensity) == (False, None, None)


def test_a_request_comes_with_its_time_and_chance():
    one = record(asked=True, asked_at=NOW, propensity=0.05)
    assert Record.model_validate_json(one.model_dump_json()) == one


@pytest.mark.parametrize(
    "changes",
    [
        {"asked": True},
        {"asked": True, "asked_at": NOW},
        {"asked": True, "propensity": 0.5},
        {"asked": True, "asked_at": NOW, "propensity": 0.0},
    ],
)
def test_a_request_without_time_or_chance_is_rejected(changes):
    with pytest.raises(ValidationError, match="asked: needs asked_at and a propensity above 0"):
        record(**changes)


def test_a_time_without_a_request_is_rejected():
    with pytest.raises(ValidationError, match="asked_at: got"):
        record(asked_at=NOW)


def test_what_was_not_drawn_keeps_its_chance():
    """Otherwise nobody can tell which answers the asked ones are a sample of."""
    assert record(propensity=0.05).propensity == 0.05


def test_the_default_of_the_version_before_says_nothing():
    one = Record.model_validate(old())
    assert (one.asked, one.propensity, one.thresholds_digest) == (False, None, None)


def test_a_chance_of_the_version_before_is_kept():
    one = Record.model_validate(old(sampling_propensity=0.25))
    assert (one.asked, one.propensity) == (False, 0.25)


def test_a_time_without_a_zone_is_rejected():
    with pytest.raises(ValidationError, match=r"created_at\n.*timezone"):
        record(created_at=NAIVE)
    with pytest.raises(ValidationError, match=r"created_at\n.*timezone"):
        Feedback(prediction_id="a", label="yes", created_at=NAIVE)
