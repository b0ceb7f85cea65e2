"""Which labels count: those that were asked for at random, with their chance, before the verdict was in sight. Pure.

Labels that people chose to give never count, nor do corrections in their favor: with them, measured certificates were false
in 24 % to 68 % of campaigns (docs/reference/certificate.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from signalbox.certificate.keys import has_key
from signalbox.contracts.certificate import Campaign, CertificateKey, CertificateLabel
from signalbox.contracts.labels import NEUTRAL
from signalbox.contracts.light import LightReason
from signalbox.contracts.record import Feedback, Record
from signalbox.tasks import Task

LEAST_RESPONSE = 0.9

_LABELED_BEFORE = "text was labeled before"

# Answers that can never be green: neither in the pool nor among the labels.
_NEVER_GREEN = {LightReason.CONTRADICTION, LightReason.LOW_MASS, LightReason.TRUNCATED, LightReason.TOO_CLOSE}


@dataclass(frozen=True)
class Labels:
    """The labels of a campaign in the order asked, hashes without an answer, and what was left out and why.

    `texts` are hashes that need no second chance: of texts that were asked for, or that had a label before.
    `barred` is the largest score of an answer that had no chance to be asked for.
    """

    answered: tuple[CertificateLabel, ...]
    unanswered: tuple[str, ...]
    left_out: Mapping[str, int]
    texts: frozenset[str] = frozenset()
    barred: float | None = None

    @property
    def response(self) -> float:
        """Share of what was asked that has an answer; 1 if nothing was asked."""
        requests = len(self.answered) + len(self.unanswered)
        return len(self.answered) / requests if requests else 1.0


def in_pool(record: Record, key: CertificateKey, task: Task, data_hashes: Collection[str]) -> bool:
    """Whether a campaign with this key could ask for an answer. `data_hashes`: hashes of the task's data."""
    return record.input_sha256 not in data_hashes and _could_be_green(record) and has_key(record, key, task)


def pool_of(
    records: Iterable[Record], key: CertificateKey, task: Task, data_hashes: Collection[str]
) -> dict[str, float]:
    """Scores by the hash of the text of records that are in the pool, oldest first: that of its newest answer."""
    return {
        record.input_sha256: record.score or 0.0
        for record in records
        if in_pool(record, key, task, data_hashes)
    }


def labels_of(
    records: Iterable[Record],
    feedback: Mapping[str, Sequence[Feedback]],
    campaign: Campaign,
    task: Task,
    data_hashes: Collection[str],
) -> Labels:
    """The labels of a campaign, by replay of all rows: the order of the rows and the names of records do not matter.

    `feedback` has the entries of each record, by its id. `data_hashes`: hashes of texts in the task's data.
    """
    rows = list(records)
    first_label = _first_labels(rows, feedback)
    requests: dict[str, Record] = {}
    labeled_before: set[str] = set()
    left_out: Counter[str] = Counter()
    for record in sorted(rows, key=lambda row: (row.asked_at or row.created_at, row.input_sha256)):
        if not record.asked or record.asked_at is None or not has_key(record, campaign.key, task):
            continue
        reason = _reason_against(record, record.asked_at, campaign, data_hashes, first_label, requests)
        if reason:
            left_out[reason] += 1
        else:
            requests[record.input_sha256] = record
        if reason == _LABELED_BEFORE:
            labeled_before.add(record.input_sha256)
    answered, unanswered = _answered(requests.values(), feedback, task)
    return Labels(answered, unanswered, dict(left_out), frozenset({*requests, *labeled_before}))


def barred_score(
    records: Iterable[Record], campaign: Campaign, task: Task, exempt: Collection[str]
) -> float | None:
    """Largest score of an answer of a campaign that had no chance to be asked for.

    `exempt`: hashes of texts that need none: known ones, which are no part of a campaign (docs/concepts/certificate-proof.md),
    and `Labels.texts`.
    """
    return max(
        (
            record.score or 0.0
            for record in records
            if record.propensity == 0.0
            and record.created_at >= campaign.planned_at
            and record.input_sha256 not in exempt
            and _could_be_green(record)
            and has_key(record, campaign.key, task)
        ),
        default=None,
    )


def _reason_against(
    record: Record,
    asked_at: datetime,
    campaign: Campaign,
    data_hashes: Collection[str],
    first_label: Mapping[str, datetime],
    requests: Mapping[str, Record],
) -> str:
    if not _could_be_green(record):
        return "answer cannot be green"
    labeled_before = first_label.get(record.input_sha256, asked_at) < asked_at
    tests = (
        ("asked before the campaign", asked_at < campaign.planned_at),
        ("below the zone", (record.score or 0.0) < campaign.thresholds[-1]),
        ("text is in the task's data", record.input_sha256 in data_hashes),
        ("text was asked before", record.input_sha256 in requests),
        (_LABELED_BEFORE, labeled_before),
    )
    return next((reason for reason, applies in tests if applies), "")


def _answered(
    requests: Iterable[Record], feedback: Mapping[str, Sequence[Feedback]], task: Task
) -> tuple[tuple[CertificateLabel, ...], tuple[str, ...]]:
    answered, unanswered = [], []
    for record in requests:
        wrong = _is_wrong(record, feedback.get(record.id, ()), task)
        if wrong is None or record.asked_at is None:
            unanswered.append(record.input_sha256)
            continue
        answered.append(
            CertificateLabel(
                input_sha256=record.input_sha256,
                asked_at=record.asked_at,
                score=record.score or 0.0,
                wrong=wrong,
                propensity=record.propensity or 0.0,
            )
        )
    return tuple(answered), tuple(unanswered)


def _is_wrong(record: Record, entries: Sequence[Feedback], task: Task) -> bool | None:
    """Whether a person says that the verdict is wrong; None without an entry of a label that the task has.

    An entry that comes twice counts once. A later correction may see the verdict, so it can only take away: a verdict is
    right if all entries say so.
    """
    labels = {entry.label for entry in entries if task.current(entry.label) is not None}
    if not labels:
        return None
    return any(task.verdict_of(label) != task.verdict_of(record.verdict) for label in labels)


def _first_labels(
    records: Iterable[Record], feedback: Mapping[str, Sequence[Feedback]]
) -> dict[str, datetime]:
    """For each text the time of its first entry: from then on a release may have been trained on it."""
    first: dict[str, datetime] = {}
    for record in records:
        for entry in feedback.get(record.id, ()):
            time = first.get(record.input_sha256, entry.created_at)
            first[record.input_sha256] = min(time, entry.created_at)
    return first


def _could_be_green(record: Record) -> bool:
    return (
        record.score is not None
        and record.error is None
        and record.verdict != NEUTRAL
        and record.light_reason not in _NEVER_GREEN
    )
