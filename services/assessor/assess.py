"""From texts to records: query a model, decide the light, store the record. A failure is a red record."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from services.assessor.decisions.certificates import CertificateTable
from services.assessor.decisions.outcome import Decisions, Outcome
from services.assessor.explain.explainer import Explainer
from services.assessor.metrics import Metrics
from services.assessor.review.fake_red import FakeRed
from signalbox.contracts.record import Record, Source, text_sha256
from signalbox.contracts.routes import MODELS, ROUTES, ModelName, Route
from signalbox.errors import InputError, ModelError, ModelUnavailable
from signalbox.models.base import Answer, ModelClient
from signalbox.settings import Settings
from signalbox.store import SpoolFull, Store
from signalbox.tasks import Task
from signalbox.thresholds import Passed
from signalbox.traffic_light import is_sure

log = logging.getLogger(__name__)
# NUL, which Postgres does not store, and lone surrogates, which have no UTF-8 form.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_ALWAYS = nullcontext()


@dataclass(frozen=True)
class _Call:
    """One text on its way through a route. `start`: the white space before it, which no model reads."""

    text: str
    language: str
    route: Route
    source: Source
    start: int = 0
    context: tuple[str, ...] = ()
    justifies: bool = True
    started: float = field(default_factory=time.perf_counter)


class Assess:
    """Answers texts. Shared by all requests."""

    def __init__(
        self,
        settings: Settings,
        task: Task,
        clients: Mapping[str, ModelClient],
        store: Store,
        metrics: Metrics,
    ) -> None:
        self._settings, self._task, self._clients = settings, task, clients
        self._store, self._metrics = store, metrics
        self._decisions = Decisions(settings, task)
        self._fake_red = FakeRed(task, store, metrics, initial_phase=settings.initial_phase)
        self.explainer = Explainer(task, clients, self._decisions.thresholds_of, settings.evidence_calls)

    @property
    def certificates(self) -> CertificateTable:
        """The certificates that make answers green here."""
        return self._decisions.certificates

    def check(self, texts: list[str], language: str) -> None:
        """Raise InputError for the first thing that is wrong with texts or language."""
        most, limit = self._settings.max_texts, self._task.max_input_characters
        if len(texts) > most:
            raise InputError("texts", len(texts), f"Send at most {most} texts in a request.")
        for index, text in enumerate(map(str.strip, texts)):
            if len(text) > limit:
                raise InputError(f"texts.{index}", text, f"Send at most {limit} characters.")
            _check_characters(f"texts.{index}", text)
        self._task.language(language)

    def check_context(self, context: Sequence[str], route: Route) -> None:
        """Raise InputError for passages that the task or the route does not read."""
        if not context:
            return
        self._task.check_context(context)
        for index, passage in enumerate(context):
            _check_characters(f"context.{index}", passage)
        if "encoder" in ROUTES[route].models:
            hint = "Remove the context, or send it to the decoder."
            raise InputError("model", route, hint, problem=f"The route `{route}` reads no passages.")

    async def assess(
        self,
        texts: list[str],
        language: str,
        route: Route,
        source: Source,
        *,
        context: tuple[str, ...] = (),
        evidence: Collection[ModelName] = (),
        justifies: bool = True,
        presence: AbstractContextManager[None] = _ALWAYS,
    ) -> list[Record]:
        """Records in the order of `texts`, stored before this returns. Raises InputError, SetupError, SpoolFull.

        `context` is that of each text; `evidence` is measured for the answers of these models; `justifies`: with the
        decoder's justification; `presence` cancels the models' work once nobody waits for it, but no write.
        """
        self.check(texts, language)
        self.check_context(context, route)
        calls = [_call(text, language, route, source, context, justifies=justifies) for text in texts]
        with presence:
            if route == "encoder":
                records = await self._batch(calls)
            else:
                records = list(await asyncio.gather(*(self._one(call) for call in calls)))
        # Before the evidence: a text that a person is to judge without the verdict has none.
        records = await self._fake_red.apply(records)
        try:
            if evidence:
                with presence:
                    records = await self.explainer.add_all(records, evidence)
        finally:  # a request for the label of a text may be stored by now, so its record has to be
            await self._store_all(records)
        return records

    async def stream(
        self,
        text: str,
        language: str,
        source: Source,
        *,
        context: tuple[str, ...] = (),
        evidence: bool = False,
    ) -> AsyncIterator[str | Record]:
        """The decoder's words as they come, then the record. A server that breaks off ends in a red record.

        No word leaves while the light may still turn red: red withholds the verdict in a stream, too. Call `check`
        before: an error in here comes when the response has already started.
        """
        call = _call(text, language, "decoder", source, context)
        outcome = self._outcome(ModelUnavailable("the stream ended without an answer"), call)
        words_may_leave = False
        try:
            async for piece in self._clients["decoder"].stream(call.text, language, context):
                if isinstance(piece, Answer):
                    outcome = self._outcome(piece, call)
                    words_may_leave = outcome.shows_words and not self._may_be_requested(call, outcome)
                elif words_may_leave:
                    yield piece
        except ModelError as error:
            outcome = self._outcome(error, call)
        [record] = await self._fake_red.apply([self._record(call, outcome)])
        if evidence:
            record = await self.explainer.add(record, MODELS)
        await self._store_all([record])
        yield record

    def _may_be_requested(self, call: _Call, outcome: Outcome) -> bool:
        """Whether a person may have to judge the text before seeing the answer: no word of it may leave then."""
        return self._fake_red.is_drawn(self._record(call, outcome))

    async def _store_all(self, records: list[Record]) -> None:
        """Store and count. Raises SpoolFull: no answer without a record. A record that is rejected costs itself only."""
        try:
            await self._store.append_many(records)
        except SpoolFull:
            raise
        except Exception:
            log.exception("records not stored", extra={"records": len(records)})
        for record in records:
            self._metrics.count(record)

    async def _batch(self, calls: list[_Call]) -> list[Record]:
        """All texts in one request to the encoder."""
        language = calls[0].language
        results: list[Answer | ModelError]
        try:
            results = [*await self._clients["encoder"].answer_many([call.text for call in calls], language)]
        except ModelError as error:
            results = [error] * len(calls)
        return [
            self._record(call, self._outcome(result, call))
            for call, result in zip(calls, results, strict=True)
        ]

    async def _one(self, call: _Call) -> Record:
        """Query the route's models in order until one is sure; a later failure keeps the earlier answer."""
        outcome = self._outcome(ModelUnavailable(f"no model is configured for {call.route}"), call)
        for name in ROUTES[call.route].models:
            try:
                client = self._clients[name]
                query = client.answer if call.justifies else client.verdict
                answer = await query(call.text, call.language, call.context)
            except ModelError as error:
                if isinstance(outcome.result, ModelError):
                    outcome = self._outcome(error, call)
                continue
            outcome = self._outcome(answer, call, outcome.passed)
            if is_sure(outcome.decision):
                break
        return self._record(call, outcome)

    def _outcome(self, result: Answer | ModelError, call: _Call, earlier: tuple[Passed, ...] = ()) -> Outcome:
        return self._decisions.outcome(result, call.language, call.route, earlier)

    def _record(self, call: _Call, outcome: Outcome) -> Record:
        result, decision = outcome.result, outcome.decision
        answer = result if isinstance(result, Answer) else None
        error = str(result) if isinstance(result, ModelError) else None
        if error is not None:
            fields = {"route": call.route, "reason": decision.reason.value, "cause": error}
            log.warning("no answer from a model", extra=fields)
        return Record(
            source=call.source,
            task=self._task.name,
            language=call.language,
            route=call.route,
            release=answer.release if answer else None,
            input_sha256=text_sha256(call.text),
            input_characters=len(call.text),
            input_text=call.text,
            input_start=call.start,
            context=call.context,
            verdict=decision.verdict,
            stated=answer.stated if answer else decision.verdict,
            probabilities=answer.probabilities if answer else None,
            verdict_mass=answer.verdict_mass if answer else None,
            score=decision.score,
            justification=answer.justification if answer else None,
            light=decision.light,
            candidate_light=decision.candidate,
            light_reason=decision.reason,
            error=error,
            thresholds_digest=outcome.thresholds_digest,
            prompt_digest=self.certificates.prompt_digest(call.language, call.route),
            certificate_digest=decision.certificate,
            latency_seconds=time.perf_counter() - call.started,
            prompt_tokens=answer.prompt_tokens if answer else None,
            completion_tokens=answer.completion_tokens if answer else None,
        )


def _call(
    text: str,
    language: str,
    route: Route,
    source: Source,
    context: tuple[str, ...],
    *,
    justifies: bool = True,
) -> _Call:
    """A call with the text as models read it, and where it begins in the text as it was sent."""
    start = len(text) - len(text.lstrip())
    return _Call(text.strip(), language, route, source, start, context, justifies)


def _check_characters(field: str, text: str) -> None:
    if _NO_TEXT.search(text):
        raise InputError(field, text, "Send text without NUL and without lone surrogates.")
