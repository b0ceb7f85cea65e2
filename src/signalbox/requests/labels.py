"""What the entries of reviewers say about verdicts, by replay of all rows. Pure.

Only the first review (`slot` 1) counts for a certificate; the second one measures agreement. A skipped request stays in the
queue and is unanswered. What cannot be judged counts as wrong: nobody confirmed the verdict. A correction can take a right
answer away, never give one, because its author may have seen more than the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from signalbox.certificate.labels import Labels
from signalbox.contracts.certificate import CertificateLabel
from signalbox.contracts.requests import FINAL, ReviewAction, ReviewEntry, ReviewState
from signalbox.tasks import Task

FIRST_REVIEW = 1


@dataclass(frozen=True)
class RequestedLabel:
    """One request that was handed out. `wrong` None: it has no answer until now."""

    input_sha256: str
    asked_at: datetime
    score: float
    propensity: float
    wrong: bool | None


def requested_labels(states: Iterable[ReviewState], task: Task) -> list[RequestedLabel]:
    """The labels of a campaign in the order asked, with those that are not answered; requests that still wait are not in it."""
    return [
        RequestedLabel(
            state.request.input_sha256,
            state.asked_at,
            state.request.score,
            state.request.propensity,
            _is_wrong(state, task),
        )
        for state in states
        if state.slot == FIRST_REVIEW and state.asked_at is not None
    ]


def labels_of_campaign(states: Sequence[ReviewState], task: Task) -> Labels:
    """The same as the rows of a certificate."""
    labels = requested_labels(states, task)
    answered = [
        CertificateLabel(
            input_sha256=label.input_sha256,
            asked_at=label.asked_at,
            score=label.score,
            wrong=label.wrong,
            propensity=label.propensity,
        )
        for label in labels
        if label.wrong is not None
    ]
    unanswered = [label.input_sha256 for label in labels if label.wrong is None]
    # A request that still waits was drawn, too: its text needs no second chance.
    texts = frozenset(state.request.input_sha256 for state in states)
    return Labels(tuple(answered), tuple(unanswered), {}, texts)


def with_queue(shown_red: Labels, states: Sequence[ReviewState], propensity: float, task: Task) -> Labels:
    """All labels of a campaign in the order asked: of answers that were shown red, and of the queue.

    `propensity`: the chance of an answer to be drawn for the queue. An answer that was shown red could have been drawn, too;
    with the chance of either way the two need no thinning against each other.
    """
    queue = labels_of_campaign(states, task)
    red = [
        label.model_copy(update={"propensity": either(label.propensity, propensity)})
        for label in shown_red.answered
    ]
    answered = sorted([*red, *queue.answered], key=lambda label: (label.asked_at, label.input_sha256))
    return replace(
        shown_red,
        answered=tuple(answered),
        unanswered=(*shown_red.unanswered, *queue.unanswered),
        texts=shown_red.texts | queue.texts,
    )


def either(first: float, second: float) -> float:
    """The chance of at least one of two independent draws."""
    return 1.0 - (1.0 - first) * (1.0 - second)


def settled(states: Sequence[ReviewState], now: datetime, undo: timedelta) -> list[ReviewState]:
    """The states without entries that their reviewer may still undo.

    The page shows figures of these only: the number of errors would tell a reviewer what the model's verdict was while the
    entry can still be changed.
    """
    newest: dict[str, datetime] = {}
    for state in states:
        for entry in state.entries:
            newest[entry.reviewer] = max(newest.get(entry.reviewer, entry.created_at), entry.created_at)

    def is_settled(entry: ReviewEntry) -> bool:
        if entry.action is ReviewAction.UNDO:  # else what it took back would stand
            return True
        return entry.created_at < newest[entry.reviewer] or entry.created_at + undo <= now

    return [
        state.model_copy(update={"entries": tuple(filter(is_settled, state.entries))}) for state in states
    ]


def standing(entries: Sequence[ReviewEntry]) -> list[ReviewEntry]:
    """Final entries that were not taken back, oldest first."""
    rows: list[ReviewEntry] = []
    for entry in entries:
        if entry.action is not ReviewAction.UNDO:
            rows.append(entry)
        elif rows:
            rows.pop()
    return [entry for entry in rows if entry.action in FINAL]


def _is_wrong(state: ReviewState, task: Task) -> bool | None:
    if not state.is_done:
        return None
    entries = standing(state.entries)
    if any(entry.action is ReviewAction.UNJUDGEABLE for entry in entries):
        return True
    labels = {entry.label for entry in entries if entry.label and task.current(entry.label) is not None}
    if not labels:
        return None
    verdict = task.verdict_of(state.request.verdict)
    return any(task.verdict_of(label) != verdict for label in labels)
