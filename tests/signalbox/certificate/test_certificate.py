"""Issue, sign, verify and check a certificate, and what happens to one that was changed."""

import json
from datetime import timedelta

import pytest

from signalbox.certificate.check import check, standing_problem
from signalbox.certificate.issue import NotCertified, issue, outlook
from signalbox.certificate.labels import labels_of
from signalbox.certificate.signing import (
    create_key,
    digest_of,
    load_private_key,
    load_public_key,
    sign,
    verify,
)
from signalbox.errors import InputError
from tests.signalbox.certificate.examples import START, answered, campaign, task

NOW = START + timedelta(days=2)


def labels(count, wrong=frozenset(), unanswered=0):
    rows, feedback = answered(count + unanswered, wrong)
    for row in rows[count:]:
        del feedback[row.id]
    return labels_of(rows, feedback, campaign(), task(), frozenset())


def certificate(count=80, wrong=frozenset({5})):
    return issue(campaign(), labels(count, wrong), now=NOW, days=28)


@pytest.fixture
def keys(tmp_path):
    create_key(tmp_path / "certificate.pem")
    return load_private_key(tmp_path / "certificate.pem"), load_public_key(tmp_path / "certificate.pub")


def test_enough_labels_give_a_certificate_that_replays():
    one = certificate()
    assert one.threshold == campaign().thresholds[-1]
    assert (one.decisive.labels, one.decisive.errors) == (80, 1)
    assert [step.name for step in check(one, NOW) if not step.passed] == []


def test_the_same_labels_give_the_same_certificate():
    later = issue(campaign(), labels(80, frozenset({5})), now=NOW + timedelta(days=1), days=28)
    assert (later.id, later.expires_at) == (certificate().id, certificate().expires_at)
    assert certificate(81).id != certificate().id


def test_it_expires_by_its_last_label_not_by_its_issue():
    assert certificate().expires_at == START + timedelta(hours=1, minutes=79, days=28)
    with pytest.raises(NotCertified, match="28 days ago"):
        issue(campaign(), labels(80), now=START + timedelta(days=40), days=28)


def test_too_few_labels_say_how_many_are_missing():
    with pytest.raises(NotCertified) as error:
        certificate(20, frozenset())
    assert "0 of 20 labels are wrong" in error.value.message
    assert error.value.hint == "15 more labels without an error are enough."
    assert outlook(campaign(), labels(20)).missing == 15


def test_too_many_errors_are_named():
    with pytest.raises(NotCertified, match="20 of 60 labels are wrong"):
        certificate(60, frozenset(range(20)))


def test_without_nine_tenths_of_the_answers_there_is_no_certificate():
    issue(campaign(), labels(90, unanswered=10), now=NOW, days=28)
    with pytest.raises(NotCertified, match="90 of 101 requested"):
        issue(campaign(), labels(90, unanswered=11), now=NOW, days=28)


def test_a_signed_file_verifies(keys):
    private, public = keys
    content = sign(certificate(), private).model_dump_json(indent=2).encode()
    read = verify(content, "file.json", public)
    assert read == certificate()
    assert digest_of(read) == digest_of(certificate())


def test_a_change_of_any_value_is_found(keys):
    private, public = keys
    document = json.loads(sign(certificate(), private).model_dump_json())
    changes = [
        lambda row: row.update(threshold=0.1),
        lambda row: row["labels"][5].update(wrong=False),
        lambda row: row["campaign"].update(alpha=0.2),
        lambda row: row["campaign"]["key"].update(language="de"),
        lambda row: row.update(expires_at="2036-01-01T00:00:00Z"),
    ]
    for change in changes:
        copy = json.loads(json.dumps(document))
        change(copy["certificate"])
        with pytest.raises(InputError, match="changed after it was signed"):
            verify(json.dumps(copy).encode(), "file.json", public)


def test_a_file_of_another_key_names_both(keys, tmp_path):
    create_key(tmp_path / "other.pem")
    content = sign(certificate(), load_private_key(tmp_path / "other.pem")).model_dump_json().encode()
    with pytest.raises(InputError, match="signed by the key"):
        verify(content, "file.json", keys[1])


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"certificate": 1, "key_id": "x", "signature": "!"}']
)
def test_what_is_no_certificate_is_an_error(content, keys):
    with pytest.raises(InputError, match=r"file\.json"):
        verify(content, "file.json", keys[1])


def test_a_key_is_never_overwritten(tmp_path):
    create_key(tmp_path / "key.pem")
    with pytest.raises(InputError, match="Choose another path"):
        create_key(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0


def test_a_file_that_is_no_key_is_an_error(tmp_path):
    (tmp_path / "x.pem").write_text("nothing", encoding="utf-8")
    for load in (load_private_key, load_public_key):
        with pytest.raises(InputError, match="is not"):
            load(tmp_path / "x.pem")
        with pytest.raises(InputError, match="cannot read"):
            load(tmp_path / "missing.pem")


def test_dates_are_checked_against_the_clock():
    one = certificate()
    assert standing_problem(one, NOW) is None
    assert standing_problem(one, one.expires_at) == "expired"
    assert standing_problem(one, NOW - timedelta(minutes=4)) is None
    assert standing_problem(one, NOW - timedelta(minutes=6)) == "future"
    assert not check(one, one.expires_at)[0].passed


def test_a_replay_finds_what_a_signature_cannot():
    """The signer may be wrong, too: each statement is computed again from the labels."""
    one = certificate(200, frozenset())
    fewer = one.model_copy(update={"labels": one.labels[:20]})
    assert "threshold" in [step.name for step in check(fewer, NOW) if not step.passed]
    twice = one.model_copy(update={"labels": (*one.labels, one.labels[0])})
    assert "one label a text" in [step.name for step in check(twice, NOW) if not step.passed]
    turned = one.model_copy(update={"labels": one.labels[::-1]})
    assert "order" in [step.name for step in check(turned, NOW) if not step.passed]
    silent = one.model_copy(update={"unanswered": tuple(str(i) for i in range(50))})
    assert "response" in [step.name for step in check(silent, NOW) if not step.passed]
    early = one.model_copy(
        update={"campaign": one.campaign.model_copy(update={"planned_at": NOW - timedelta(hours=1)})}
    )
    assert "plan before labels" in [step.name for step in check(early, NOW) if not step.passed]
