"""Answers that are shown red to get a label before the verdict is in sight ("fake red").

Every green candidate has its chance in its record, whether it was drawn or not. A draw depends on the text alone, so that a
text that comes again gets no second chance, and the table of requests has a text once, so that nobody is asked twice.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from services.assessor.metrics import Metrics
from signalbox.certificate.evidence import draw_of
from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.record import Feedback, Record
from signalbox.contracts.requests import LabelRequest
from signalbox.store import Store, StoreUnavailable
from signalbox.tasks import Task

log = logging.getLogger(__name__)

_SEED = 0  # campaigns have seeds of their own, so their draws are independent of these


class FakeRed:
    """`initial_phase`: each green candidate is requested; else the task's share of green answers.

    Each answer in the zone of a suspended certificate is requested, too: labels decide whether it is restored.
    """

    def __init__(self, task: Task, store: Store, metrics: Metrics, *, initial_phase: bool) -> None:
        self._task, self._store, self._metrics = task, store, metrics
        self._initial_phase = initial_phase

    def chance(self, record: Record) -> float | None:
        """The chance of an answer to be shown red, None where there is no sampling."""
        if record.source != "user" or record.input_text is None:
            return None
        # Not the candidate: the zone of a certificate may be larger than what is confident, and all of it is sampled.
        if record.light is Light.GREEN:
            return 1.0 if self._initial_phase else self._task.certificate.fake_red
        if record.light_reason is LightReason.SUSPENDED:
            return 1.0
        return 1.0 if self._initial_phase and record.candidate_light is Light.GREEN else None

    def is_drawn(self, record: Record) -> bool:
        """Whether the text is one of those that are requested, if it was not before."""
        chance = self.chance(record)
        return chance is not None and draw_of(_SEED, f"fake-red|{record.input_sha256}") < chance

    async def apply(self, records: Sequence[Record]) -> list[Record]:
        """The records as they are stored and shown: with their chance, and red if they are requested."""
        requests = {
            record.id: _request(record, self.chance(record)) for record in records if self.is_drawn(record)
        }
        try:
            added = set(await self._store.requests.add_requests(requests.values())) if requests else set()
        except StoreUnavailable:
            # Nobody can tell whether the text was requested before, so nobody is asked and no chance is stated.
            log.warning("no ground truth requested: store unavailable", extra={"records": len(requests)})
            return [
                self._with_chance(record, None if record.id in requests else self.chance(record))
                for record in records
            ]
        return [self._shown(record, requests.get(record.id), added) for record in records]

    def _shown(self, record: Record, request: LabelRequest | None, added: set[str]) -> Record:
        if request is None:
            return self._with_chance(record, self.chance(record))
        if request.id not in added:  # requested before
            return self._with_chance(record, 0.0)
        self._metrics.count_review(record, "shown_red")
        return record.model_copy(
            update={
                "light": Light.RED,
                "light_reason": LightReason.REQUESTED,
                "asked": True,
                "asked_at": datetime.now(UTC),
                "propensity": request.propensity,
            }
        )

    @staticmethod
    def _with_chance(record: Record, chance: float | None) -> Record:
        return record if chance is None else record.model_copy(update={"propensity": chance})


def judged(record: Record, feedback: Sequence[Feedback], *, initial_phase: bool) -> Record:
    """An answer that was shown red to get its ground truth: with the light that it has after the entry.

    Outside the initial phase, an answer without a certificate was requested because its certificate was suspended.
    """
    if record.light_reason is not LightReason.REQUESTED or not feedback:
        return record
    without_certificate = LightReason.PROVISIONAL if initial_phase else LightReason.SUSPENDED
    certified = record.certificate_digest is not None
    light, reason = (Light.GREEN, LightReason.CERTIFIED) if certified else (Light.YELLOW, without_certificate)
    visible = {
        "light": light,
        "light_reason": reason,
        "evidence_status": None,
    }  # evidence was withheld till then
    return record.model_copy(update=visible)


def _request(record: Record, chance: float | None) -> LabelRequest:
    return LabelRequest(
        campaign_id=None,
        task=record.task,
        language=record.language,
        record_id=record.id,
        input_sha256=record.input_sha256,
        verdict=record.verdict,
        score=record.score or 0.0,
        propensity=chance or 0.0,
        rank=0.0,
    )
