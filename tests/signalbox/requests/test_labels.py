"""What entries say about verdicts, the draw of requests, the price of green, and agreement."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.certificate.issue import evidence_of
from signalbox.certificate.labels import Labels
from signalbox.contracts.certificate import CertificateLabel
from signalbox.contracts.light import LightReason
from signalbox.contracts.requests import ReviewEntry, ReviewState
from signalbox.requests import (
    RequestedLabel,
    agreement_of,
    labels_of_campaign,
    price_of,
    requested_labels,
    requests_of,
    sampling_of,
    settled,
)
from signalbox.requests.known import data_hashes
from signalbox.requests.labels import with_queue
from signalbox.requests.sampling import Frame
from signalbox.tasks import load_task
from tests.helpers import record
from tests.signalbox.request_rows import rows_of, sampling

TASK = load_task(Path("tasks/medical"))
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PLAN = sampling()


def _state(
    *entries: tuple[str, str | None], slot: int = 1, number: int = 0, reviewer: str = "ada"
) -> ReviewState:
    _, requests = rows_of(PLAN, number + 1)
    rows = tuple(
        ReviewEntry(
            action=action, label=label, reviewer=reviewer, created_at=NOW + timedelta(seconds=60 * number + i)
        )
        for i, (action, label) in enumerate(entries)
    )
    return ReviewState(
        request=requests[number], slot=slot, asked_at=NOW + timedelta(seconds=number), entries=rows
    )


@pytest.mark.parametrize(
    ("entries", "wrong"),
    [
        ([("label", "yes")], False),
        ([("label", "no")], True),
        ([], None),
        ([("skip", None)], None),
        ([("skip", None), ("label", "yes")], False),
        ([("unjudgeable", None)], True),
        ([("label", "no"), ("undo", None)], None),
        ([("label", "no"), ("undo", None), ("label", "yes")], False),
        # A correction without an undo takes a right answer away and never gives one.
        ([("label", "no"), ("label", "yes")], True),
        ([("label", "yes"), ("label", "no")], True),
        ([("label", "a label of last year")], None),
    ],
)
def test_entries_decide_by_replay_whether_a_verdict_is_wrong(
    entries: list[tuple[str, str | None]], wrong: bool | None
) -> None:
    (label,) = requested_labels([_state(*entries)], TASK)
    assert label.wrong is wrong


def test_waiting_requests_and_second_reviews_are_no_labels_of_a_campaign() -> None:
    waiting = _state().model_copy(update={"asked_at": None})
    assert requested_labels([waiting, _state(("label", "yes"), slot=2)], TASK) == []


def test_what_was_asked_and_not_answered_lowers_the_response() -> None:
    labels = labels_of_campaign(
        [_state(("label", "yes")), _state(("unjudgeable", None), number=1), _state(("skip", None), number=2)],
        TASK,
    )
    assert [label.wrong for label in labels.answered] == [False, True]
    assert labels.response == pytest.approx(2 / 3)


def test_figures_leave_out_what_a_reviewer_can_still_undo() -> None:
    states = [_state(("label", "yes")), _state(("label", "no"), number=1)]
    soon, later = NOW + timedelta(seconds=70), NOW + timedelta(hours=1)
    undo = timedelta(minutes=10)
    assert [one.wrong for one in requested_labels(settled(states, soon, undo), TASK)] == [False, None]
    assert [one.wrong for one in requested_labels(settled(states, later, undo), TASK)] == [False, True]


def test_what_was_taken_back_does_not_stand_while_the_undo_is_new() -> None:
    states = [_state(("label", "no"), ("undo", None))]
    assert [one.wrong for one in requested_labels(settled(states, NOW, timedelta(hours=1)), TASK)] == [None]


def _user_record(number: int, score: float, **changes: Any) -> Any:
    return record(f"text {number}", score=score, thresholds_digest="0123456789abcdef", **changes)


def _draw(rows: list[Any], plan: Any = PLAN, **changes: Any) -> list[str]:
    arguments: dict[str, Any] = {"known": set(), "excluded": set(), **changes}
    return [request.input_sha256 for request in requests_of(plan, rows, TASK, **arguments)]


def test_a_draw_does_not_depend_on_the_order_of_records_or_on_other_records() -> None:
    rows = [_user_record(number, 2.0) for number in range(400)]
    first = _draw(rows)
    assert 150 < len(first) < 250
    assert _draw(rows[::-1]) == first
    assert set(_draw(rows[:200])) == set(first) & {row.input_sha256 for row in rows[:200]}


ALL = PLAN.model_copy(update={"propensity": 1.0})


@pytest.mark.parametrize(
    "row",
    [
        _user_record(1, 1.0),
        _user_record(1, 2.0, source="evaluation"),
        _user_record(1, 2.0, verdict="no"),
        _user_record(1, 2.0, language="de"),
        _user_record(1, 2.0, route="decoder"),
        _user_record(1, 2.0, input_text=None),
        _user_record(1, 2.0, light_reason=LightReason.CONTRADICTION),
        _user_record(1, 2.0, asked=True, asked_at=NOW, propensity=0.5),
        record("text 1", score=2.0, thresholds_digest="another"),
    ],
    ids=[
        "below the zone",
        "evaluation",
        "verdict",
        "language",
        "route",
        "no text",
        "never green",
        "asked",
        "digest",
    ],
)
def test_only_answers_of_the_key_in_the_zone_are_requested(row: Any) -> None:
    assert _draw([row], ALL) == []
    assert len(_draw([_user_record(1, 2.0)], ALL)) == 1


def test_a_text_is_requested_once_and_not_if_it_is_known() -> None:
    row = _user_record(1, 2.0)
    again = row.model_copy(update={"id": "another"})
    assert len(_draw([row, again], ALL)) == 1
    assert _draw([row], ALL, known={row.input_sha256}) == []
    assert _draw([row], ALL, excluded={row.input_sha256}) == []


def test_the_chance_gives_two_requests_for_each_planned_label() -> None:
    rows = [_user_record(number, 2.0) for number in range(1000)]
    frame = Frame(PLAN.campaign, TASK, known=set(), excluded=set())
    inside = [row for page in (rows[:700], rows[700:], rows[:50]) for row in frame.of(page)]
    assert inside == rows
    assert sampling_of(PLAN.campaign, len(inside)).propensity == pytest.approx(0.2)
    assert sampling_of(PLAN.campaign, 50).propensity == 1.0
    assert sampling_of(PLAN.campaign, 0).propensity == 1.0


def test_the_chance_of_an_answer_counts_both_ways_to_be_requested() -> None:
    (request,) = requests_of(
        ALL.model_copy(update={"propensity": 0.999}),
        [_user_record(1, 2.0, propensity=0.5)],
        TASK,
        known=(),
        excluded=(),
    )
    assert request.propensity == pytest.approx(1 - 0.5 * 0.001)
    red = CertificateLabel(input_sha256="a" * 64, asked_at=NOW, score=4.0, wrong=False, propensity=0.05)
    queued = _state(("label", "yes"), number=1)
    labels = with_queue(Labels((red,), ("b" * 64,), {}), [queued], 0.2, TASK)
    assert [label.propensity for label in labels.answered] == [pytest.approx(1 - 0.95 * 0.8), 0.5]
    assert labels.unanswered == ("b" * 64,)
    waiting = _state(number=2).model_copy(update={"asked_at": None})
    both = with_queue(Labels((red,), (), {}, frozenset({"a" * 64}), barred=9.0), [queued, waiting], 0.2, TASK)
    assert both.barred == 9.0
    assert both.texts == {"a" * 64, queued.request.input_sha256, waiting.request.input_sha256}


def test_the_texts_of_all_splits_are_known() -> None:
    assert len(data_hashes(TASK)) > 500


def _labels(errors: list[bool]) -> list[RequestedLabel]:
    return [RequestedLabel(f"{i:064x}", NOW, 4.0, 0.5, wrong) for i, wrong in enumerate(errors)]


@given(
    st.lists(st.booleans(), max_size=60).map(
        lambda rows: [wrong and i % 9 == 0 for i, wrong in enumerate(rows)]
    )
)
def test_the_price_is_the_number_of_right_labels_that_passes_the_next_threshold(errors: list[bool]) -> None:
    price = price_of(PLAN.campaign, _labels(errors))
    if price.more is None:
        return
    after = price_of(PLAN.campaign, _labels([*errors, *[False] * price.more]))
    assert price.share is not None
    assert after.green >= price.share
    if price.more > 0:
        before = price_of(PLAN.campaign, _labels([*errors, *[False] * (price.more - 1)]))
        assert before.green < price.share


def test_the_price_counts_labels_above_the_next_threshold_only() -> None:
    inside = [RequestedLabel("a" * 64, NOW, 1.6, 0.5, False)]
    price = price_of(PLAN.campaign, [*_labels([False] * 3), *inside])
    assert (price.labels, price.wrong, price.share, price.answered) == (3, 0, 0.35, 4)
    assert price.more is not None
    assert price.texts is not None
    assert price.texts > price.more


def test_the_price_agrees_with_the_evidence_of_the_certificate() -> None:
    price = price_of(PLAN.campaign, _labels([False] * 200))
    assert price.green == PLAN.campaign.shares[-1]
    assert price.share is None
    states = labels_of_campaign([], TASK)
    assert not any(row.passed for row in evidence_of(PLAN.campaign, states.answered))


def test_agreement_has_a_share_and_kappa() -> None:
    pairs = [("yes", "yes")] * 8 + [("no", "no")] * 8 + [("yes", "no")] * 4
    states = []
    for number, (first, second) in enumerate(pairs):
        states += [_state(("label", first), number=number), _state(("label", second), slot=2, number=number)]
    # rows_of makes new ids at each call, so both reviews of a request share the first one's.
    joined = [
        state if state.slot == 1 else state.model_copy(update={"request": states[index - 1].request})
        for index, state in enumerate(states)
    ]
    agreement = agreement_of(joined)
    assert (agreement.rows, agreement.equal, agreement.share) == (20, 16, 0.8)
    # Expected by chance: .6 · .4 + .4 · .6 = .48.
    assert agreement.kappa == pytest.approx((0.8 - 0.48) / 0.52)


def test_kappa_is_not_defined_where_all_labels_are_equal() -> None:
    first = _state(("label", "yes"))
    second = _state(("label", "yes"), slot=2).model_copy(update={"request": first.request})
    assert agreement_of([first, second]).kappa is None
    assert agreement_of([]).share is None
