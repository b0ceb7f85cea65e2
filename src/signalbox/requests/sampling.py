"""Where to ask and whom: the plan of a campaign, and the draw of its requests. Pure.

A draw depends on the seed of the campaign and the hash of the text only: it is the same at each replay, a text that comes
again has no second chance, and a record that arrives later is drawn with the same chance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from signalbox.certificate.evidence import draw_of
from signalbox.certificate.labels import in_pool
from signalbox.contracts.certificate import Campaign
from signalbox.contracts.record import Record
from signalbox.contracts.requests import LabelRequest, Sampling
from signalbox.requests.labels import either
from signalbox.tasks import Task

# Requests for each planned label: some are skipped, and an error costs labels.
_ROOM = 2.0


class Frame:
    """The answers that a campaign can ask about, one a text, among records that come in pages, oldest first.

    `known`: hashes of the texts of the task's data. `excluded`: hashes of texts that have a label or were requested before.
    """

    def __init__(
        self, campaign: Campaign, task: Task, *, known: Collection[str], excluded: Collection[str]
    ) -> None:
        self._campaign, self._task, self._known, self._excluded = campaign, task, known, excluded
        self._seen: set[str] = set()

    def of(self, records: Iterable[Record]) -> Iterator[Record]:
        """Those of a page: users' answers of the key in the zone whose text is in no page before."""
        campaign = self._campaign
        for record in sorted(records, key=lambda row: (row.created_at, row.id)):
            text = record.input_sha256
            if text in self._seen or not in_pool(record, campaign.key, self._task, self._known):
                continue
            self._seen.add(text)
            outside = (record.score or 0.0) < campaign.thresholds[-1]
            if not (record.asked or record.input_text is None or text in self._excluded or outside):
                yield record


def sampling_of(campaign: Campaign, inside: int, second_share: float = 0.0) -> Sampling:
    """The chance of each answer in the zone of a campaign: so that there are two requests for each planned label.

    `inside`: how many answers are in its frame now.
    """
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
    """The requests among records, in the order of the queue: drawn from the frame of the campaign."""
    frame = Frame(sampling.campaign, task, known=known, excluded=excluded)
    return in_order(drawn(sampling, frame.of(records)))


def in_order(requests: Iterable[LabelRequest]) -> list[LabelRequest]:
    """In the order of the queue."""
    return sorted(requests, key=lambda request: request.rank)


def drawn(sampling: Sampling, records: Iterable[Record]) -> Iterator[LabelRequest]:
    """The requests of those answers of a frame that are drawn."""
    return (request for record in records if (request := _drawn(sampling, record)) is not None)


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
