"""Where to ask and whom: the plan of a campaign, and the draw of its requests. Pure.

A draw depends on the seed of the campaign and the hash of the text only: it is the same at each replay, a text that comes
again has no second chance, and a record that arrives later is drawn with the same chance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from signalbox.certificate.evidence import draw_of
from signalbox.certificate.labels import pool_scores
from signalbox.contracts.certificate import Campaign
from signalbox.contracts.record import Record
from signalbox.contracts.requests import LabelRequest, Sampling
from signalbox.requests.labels import either
from signalbox.tasks import Task

# Requests for each planned label: some are skipped, and an error costs labels.
_ROOM = 2.0


def sampling_of(
    campaign: Campaign,
    records: Sequence[Record],
    task: Task,
    *,
    known: Collection[str],
    excluded: Collection[str],
    second_share: float = 0.0,
) -> Sampling:
    """The chance of each answer in the zone of a campaign: so that there are two requests for each planned label.

    `known`: hashes of the texts of the task's data. `excluded`: hashes of texts that have a label or were requested before.
    """
    everyone = Sampling(campaign=campaign, propensity=1.0)
    inside = len(requests_of(everyone, records, task, known=known, excluded=excluded))
    chance = min(1.0, _ROOM * campaign.planned_labels / inside) if inside else 1.0
    return Sampling(campaign=campaign, propensity=chance, second_share=second_share)


def requests_of(
    sampling: Sampling,
    records: Iterable[Record],
    task: Task,
    *,
    known: Collection[str],
    excluded: Collection[str],
) -> list[LabelRequest]:
    """The requests among records, in the order of the queue: users' answers of the key in the zone, one a text."""
    campaign = sampling.campaign
    requests: dict[str, LabelRequest] = {}
    seen: set[str] = set()
    for record in sorted(records, key=lambda row: (row.created_at, row.id)):
        text = record.input_sha256
        if text in seen or not pool_scores([record], campaign.key, task, known):
            continue
        seen.add(text)
        score = record.score or 0.0
        if record.asked or record.input_text is None or text in excluded or score < campaign.thresholds[-1]:
            continue
        if (request := _drawn(sampling, record)) is not None:
            requests[text] = request
    return sorted(requests.values(), key=lambda request: request.rank)


def _drawn(sampling: Sampling, record: Record) -> LabelRequest | None:
    campaign, text = sampling.campaign, record.input_sha256
    draw = draw_of(campaign.seed, f"queue|{text}")
    if draw >= sampling.propensity:
        return None
    return LabelRequest(
        campaign_id=campaign.id,
        task=record.task,
        language=record.language,
        record_id=record.id,
        input_sha256=text,
        verdict=record.verdict,
        score=record.score or 0.0,
        propensity=either(record.propensity or 0.0, sampling.propensity),
        # Relative to the chance, so that campaigns of any chance mix evenly in one queue.
        rank=draw / sampling.propensity,
        second=draw_of(campaign.seed, f"second|{text}") < sampling.second_share,
    )
