"""Adds evidence to a record: which model to query, and what a light allows. A failure is a status, never an error."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence

from services.assessor.decisions.outcome import models_before
from signalbox import evidence
from signalbox.contracts.evidence import EvidenceStatus
from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.record import ModelRelease, Record
from signalbox.contracts.routes import MODELS, ModelName
from signalbox.errors import ModelError
from signalbox.models.base import Answer, ModelClient
from signalbox.tasks import Task
from signalbox.thresholds import Thresholds
from signalbox.traffic_light import decide

_NO_ANSWER = {
    LightReason.NEUTRAL: EvidenceStatus.NO_VERDICT,
    LightReason.UNPARSABLE: EvidenceStatus.NO_PROBABILITIES,
    LightReason.TIMEOUT: EvidenceStatus.NO_ANSWER,
    LightReason.UNAVAILABLE: EvidenceStatus.NO_ANSWER,
    LightReason.REJECTED: EvidenceStatus.NO_ANSWER,
}
# Of a record, for its release after those that the route queries before.
ThresholdsOf = Callable[[Record, ModelRelease, Sequence[ModelRelease]], Thresholds | None]


def obstacle(record: Record) -> EvidenceStatus | None:
    """Why there can be no evidence for a record, from the record alone; None if there can be.

    A red light withholds evidence whatever its reason: parts for and against a verdict say what the verdict is, and where
    a person is to judge without the model, relevant parts would already be a hint. No model is queried then, so the time
    of the response says nothing either.
    """
    if record.light is Light.RED:
        return _NO_ANSWER.get(record.light_reason, EvidenceStatus.WITHHELD)
    if record.release is None or not record.probabilities:
        return EvidenceStatus.NO_PROBABILITIES
    if record.verdict not in record.probabilities:
        return EvidenceStatus.NO_VERDICT
    return EvidenceStatus.NO_TEXT if record.input_text is None else None


def model_of(record: Record) -> ModelName:
    """The model that answered: only an encoder has no verdict mass."""
    return "encoder" if record.verdict_mass is None else "decoder"


class Explainer:
    """Measures evidence with the models that answer requests. Shared by all requests."""

    def __init__(
        self, task: Task, clients: Mapping[str, ModelClient], thresholds_of: ThresholdsOf, calls: int
    ) -> None:
        """`calls`: the most calls to a decoder for one answer, unless the task has its own number."""
        self._task, self._clients, self._thresholds_of = task, clients, thresholds_of
        self.calls = calls if task.evidence_calls is None else task.evidence_calls

    async def add_all(self, records: Sequence[Record], models: Collection[ModelName]) -> list[Record]:
        """The records with evidence for those that one of these models answered."""
        return list(await asyncio.gather(*(self.add(record, models) for record in records)))

    async def add(self, record: Record, models: Collection[ModelName] = MODELS) -> Record:
        """The record with its evidence and its status; unchanged if another model answered it."""
        status = obstacle(record)
        if status is None:
            model = model_of(record)
            if model not in models:
                return record
            result = await self._measure(record, model)
        else:
            result = evidence.Evidence(status)
        return record.model_copy(update={"evidence": result.spans, "evidence_status": result.status})

    async def complete(self, record: Record) -> Record:
        """A stored record with the evidence that it has, else with new evidence."""
        return record if record.evidence_status is EvidenceStatus.MEASURED else await self.add(record)

    async def _measure(self, record: Record, model: ModelName) -> evidence.Evidence:
        release, probabilities, text = record.release, record.probabilities, record.input_text
        if model not in self._clients or release is None or probabilities is None or text is None:
            return evidence.Evidence(EvidenceStatus.OTHER_RELEASE)
        limits = self._thresholds_of(record, release, await self._earlier(record, model))

        def verdict_of(answer: Answer) -> str:
            return decide(answer, limits).verdict

        answer = evidence.Verdicts(record.verdict, probabilities, release, verdict_of)
        question = evidence.Question(text, record.context)
        client = self._clients[model]
        return await evidence.measure(client, model, question, record.language, answer, self.calls)

    async def _earlier(self, record: Record, model: ModelName) -> list[ModelRelease]:
        """The releases that the route queries before this model, as far as they answer now."""
        releases = []
        for name in models_before(model, record.route):
            if name in self._clients:
                with contextlib.suppress(ModelError):
                    releases.append(await self._clients[name].release())
        return releases
