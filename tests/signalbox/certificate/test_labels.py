"""Which labels count for a certificate, and what must change nothing."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from signalbox.certificate.issue import NotCertified, issue
from signalbox.certificate.labels import barred_score, labels_of, pool_of
from signalbox.contracts.labels import NO, YES
from signalbox.contracts.light import LightReason
from signalbox.contracts.record import text_sha256
from tests.signalbox.certificate.examples import (
    RELEASE,
    START,
    answered,
    campaign,
    entry,
    key,
    record,
    requested,
    task,
)


def replay(rows, feedback, known=()):
    return labels_of(rows, feedback, campaign(), task(), frozenset(known))


def test_requested_labels_count_in_the_order_asked():
    rows, feedback = answered(30, frozenset({4}))
    labels = replay(rows, feedback)
    assert [label.wrong for label in labels.answered] == [number == 4 for number in range(30)]
    assert labels.response == 1.0


def test_neither_the_order_of_rows_nor_the_names_of_records_matter():
    rows, feedback = answered(50, frozenset({7, 9}))
    names = {row.id: f"other-{random.Random(row.id).random()}" for row in rows}
    renamed = [row.model_copy(update={"id": names[row.id]}) for row in rows]
    random.Random(1).shuffle(renamed)
    entries = {
        names[name]: [one.model_copy(update={"prediction_id": names[name]}) for one in entries]
        for name, entries in feedback.items()
    }
    assert replay(renamed, entries) == replay(rows, feedback)


def test_voluntary_labels_change_nothing():
    """Whoever chose to give them is no random sample, however many they are."""
    rows, feedback = answered(20)
    voluntary = [record(number, score=9.9) for number in range(100, 300)]
    more = {row.id: [entry(row)] for row in voluntary}
    assert replay([*rows, *voluntary], feedback | more) == replay(rows, feedback)


@pytest.mark.parametrize(
    "fields",
    [
        {"release": RELEASE.model_copy(update={"revision": "2"})},
        {"release": RELEASE.model_copy(update={"quantization": "Q8_0"})},
        {"thresholds_digest": "f" * 16},
        {"prompt_digest": "f" * 16},
        {"route": "encoder"},
        {"language": "de"},
        {"task": "tickets"},
        {"source": "evaluation"},
        {"verdict": NO},
    ],
)
def test_a_label_of_another_key_changes_nothing(fields):
    rows, feedback = answered(20)
    stranger = requested(99, **fields)
    assert replay([*rows, stranger], {**feedback, stranger.id: [entry(stranger)]}) == replay(rows, feedback)


def test_a_label_that_arrives_twice_counts_once():
    rows, feedback = answered(20)
    twice = {name: [*entries, *entries] for name, entries in feedback.items()}
    assert replay([*rows, *rows], twice).answered == replay(rows, feedback).answered


def test_a_repeated_text_counts_once():
    rows, feedback = answered(20)
    again = requested(50, input_sha256=rows[3].input_sha256)
    labels = replay([*rows, again], {**feedback, again.id: [entry(again)]})
    assert labels.answered == replay(rows, feedback).answered
    assert labels.left_out == {"text was asked before": 1}


def test_a_correction_takes_away_and_never_adds():
    """It may be made with the verdict in sight, so only the error that it finds counts."""
    rows, feedback = answered(3, frozenset({1}))
    later = {
        "created_at": START + timedelta(days=1),
    }
    feedback[rows[0].id].append(entry(rows[0], NO, id="correction-0", **later))
    feedback[rows[1].id].append(entry(rows[1], YES, id="correction-1", **later))
    assert [label.wrong for label in replay(rows, feedback).answered] == [True, True, False]


def test_requests_without_an_entry_lower_the_response():
    rows, feedback = answered(10)
    del feedback[rows[2].id]
    labels = replay(rows, feedback)
    assert labels.unanswered == (rows[2].input_sha256,)
    assert labels.response == 0.9


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"score": 0.5}, "below the zone"),
        ({"asked_at": START - timedelta(seconds=1)}, "asked before the campaign"),
        ({"light_reason": LightReason.CONTRADICTION}, "answer cannot be green"),
        ({"light_reason": LightReason.LOW_MASS}, "answer cannot be green"),
        ({"score": None}, "answer cannot be green"),
    ],
)
def test_what_does_not_count_is_counted_with_its_reason(fields, reason):
    rows, feedback = answered(5)
    other = requested(77, **fields)
    labels = replay([*rows, other], {**feedback, other.id: [entry(other)]})
    assert len(labels.answered) == 5
    assert labels.left_out == {reason: 1}


def test_texts_of_the_task_and_texts_labeled_before_do_not_count():
    rows, feedback = answered(5)
    known = {rows[0].input_sha256}
    before = record(200, input_sha256=rows[1].input_sha256)
    feedback[before.id] = [entry(before, created_at=START)]
    labels = replay([*rows, before], feedback, known)
    assert len(labels.answered) == 3
    assert labels.left_out == {"text is in the task's data": 1, "text was labeled before": 1}


def test_an_answer_without_a_chance_bars_the_thresholds_up_to_its_score():
    """Its part of the zone is not represented. A text that was asked for before has no second chance and needs none."""
    rows, feedback = answered(60)
    labels = replay(rows, feedback)

    def barred(*more, known=()):
        return barred_score([*rows, *more], campaign(), task(), {*labels.texts, *known})

    again = record(300, propensity=0.0, input_sha256=rows[0].input_sha256, score=9.0)
    before = record(301, propensity=0.0, score=9.0, created_at=START - timedelta(days=1))
    assert barred(again, before) is None
    without = record(302, propensity=0.0, score=9.0)
    assert barred(without, record(303, propensity=0.0, score=8.0)) == 9.0
    assert barred(without, known=[without.input_sha256]) is None
    with pytest.raises(NotCertified, match="had no chance"):
        issue(campaign(), replace(labels, barred=9.0), now=START + timedelta(days=1), days=28)


def test_a_text_that_was_labeled_before_it_was_asked_for_needs_no_second_chance():
    rows, feedback = answered(5)
    before = record(200, input_sha256=rows[1].input_sha256)
    feedback[before.id] = [entry(before, created_at=START)]
    labels = replay([*rows, before], feedback)
    assert labels.left_out == {"text was labeled before": 1}
    again = record(300, propensity=0.0, input_sha256=rows[1].input_sha256, score=9.0)
    assert barred_score([again], campaign(), task(), labels.texts) is None


def test_the_pool_has_one_score_a_text_of_the_key():
    rows = [record(number) for number in range(20)]
    repeated = record(30, input_sha256=text_sha256("Text 1."))
    strangers = [record(31, verdict=NO), record(32, thresholds_digest=None), record(33, score=None)]
    pool = pool_of([*rows, repeated, *strangers], key(), task(), {rows[0].input_sha256})
    newest = {row.input_sha256: row.score for row in [*rows[1:], repeated]}
    assert pool == newest
    assert len(pool) == 19
