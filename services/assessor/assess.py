"""From texts to records: ask a model, give the light, keep the record. A failure is a red record."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Literal

from services.assessor.metrics import Metrics
from signalbox import thresholds
from signalbox.contracts.light import Light
from signalbox.contracts.record import ModelRelease, Record, Route, text_sha256
from signalbox.errors import InputError, ModelError, ModelUnavailable, SetupError
from signalbox.models.base import Answer, ModelClient
from signalbox.models.decoder import DecoderClient
from signalbox.settings import Settings
from signalbox.store import Store
from signalbox.tasks import Task
from signalbox.thresholds import Thresholds
from signalbox.traffic_light import Decision, decide, decide_failure, is_sure

log = logging.getLogger(__name__)

Source = Literal["user", "evaluation"]
# What a route asks, in order; a later model is asked when the one before was not sure.
ROUTES: dict[Route, tuple[str, ...]] = {
    "encoder": ("encoder",),
    "decoder": ("decoder",),
    "cascade": ("encoder", "decoder"),
}


class ThresholdTable:
    """Thresholds of the releases in use; a new calibration is seen without a restart."""

    def __init__(self, folder: Path, task: str) -> None:
        self._folder, self._task = folder, task
        self._known: dict[str, tuple[int, thresholds.ThresholdFile]] = {}

    def get(self, release: ModelRelease, language: str) -> Thresholds | None:
        """Thresholds of a release in a language, None when it was not calibrated. Raises SetupError."""
        path = thresholds.path_for(self._folder, self._task, release)
        try:
            modified = path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        known = self._known.get(release.key)
        if known is None or known[0] != modified:
            try:
                loaded = thresholds.load(self._folder, self._task, release)
            except InputError as error:  # not the caller's input: whoever runs the service must mend the file
                raise SetupError(str(error)) from error
            if loaded is None:
                return None
            known = self._known[release.key] = (modified, loaded)
        return known[1].languages.get(language)


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
        self._thresholds = ThresholdTable(settings.thresholds_dir, task.name)

    async def assess(self, texts: list[str], language: str, route: Route, source: Source) -> list[Record]:
        """Records in the order of `texts`; they are kept before this returns."""
        self._task.language(language)
        if route == "encoder":
            records = await self._batch(texts, language, source)
        else:
            records = await asyncio.gather(*(self._one(text, language, route, source) for text in texts))
        await self.keep(list(records))
        return list(records)

    async def stream(self, text: str, language: str, source: Source) -> AsyncIterator[str | Record]:
        """The decoder's words as they come, then the record. A server that dies ends in a red record.

        No word leaves while the light may be red by what is known: red withholds the verdict here too.
        """
        self._task.language(language)
        started = time.perf_counter()
        client = self._clients["decoder"]
        outcome: Answer | ModelError = ModelUnavailable("the stream ended without an answer")
        shown = False
        try:
            if not isinstance(client, DecoderClient):
                raise ModelUnavailable("no decoder that streams is configured")
            async for piece in client.stream(text, language):
                if isinstance(piece, Answer):
                    outcome = piece
                    shown = self._decide(piece, language).light is not Light.RED
                elif shown:
                    yield piece
        except ModelError as error:
            outcome = error
        record = self._record(text, language, "decoder", source, outcome, started)
        await self.keep([record])
        yield record

    async def keep(self, records: list[Record]) -> None:
        """Write and count; a store that fails and has no spool costs the record, never the answer."""
        try:
            await self._store.append_many(records)
        except Exception:
            log.exception("records not kept", extra={"records": len(records)})
        for record in records:
            self._metrics.count(record)

    async def _batch(self, texts: list[str], language: str, source: Source) -> list[Record]:
        """All texts in one request to the encoder."""
        started = time.perf_counter()
        outcomes: list[Answer | ModelError]
        try:
            outcomes = [*await self._clients["encoder"].answer_many(texts, language)]
        except ModelError as error:
            outcomes = [error] * len(texts)
        return [
            self._record(text, language, "encoder", source, outcome, started)
            for text, outcome in zip(texts, outcomes, strict=True)
        ]

    async def _one(self, text: str, language: str, route: Route, source: Source) -> Record:
        """Ask the route's models in order until one is sure; a later failure keeps the earlier answer."""
        started = time.perf_counter()
        outcome: Answer | ModelError | None = None
        for name in ROUTES[route]:
            try:
                outcome = await self._clients[name].answer(text, language)
            except ModelError as error:
                outcome = outcome if isinstance(outcome, Answer) else error
                continue
            if is_sure(self._decide(outcome, language)):
                break
        if outcome is None:
            outcome = ModelUnavailable(f"no model is configured for {route}")
        return self._record(text, language, route, source, outcome, started)

    def _decide(self, outcome: Answer | ModelError, language: str) -> Decision:
        if isinstance(outcome, ModelError):
            return decide_failure(outcome)
        return decide(outcome, self._thresholds.get(outcome.release, language))

    def _record(
        self,
        text: str,
        language: str,
        route: Route,
        source: Source,
        outcome: Answer | ModelError,
        started: float,
    ) -> Record:
        decision = self._decide(outcome, language)
        answer = outcome if isinstance(outcome, Answer) else None
        if isinstance(outcome, ModelError):
            log.warning(
                "no answer", extra={"route": route, "reason": decision.reason.value, "cause": str(outcome)}
            )
        return Record(
            source=source,
            task=self._task.name,
            language=language,
            route=route,
            release=answer.release if answer else None,
            input_sha256=text_sha256(text),
            input_characters=len(text),
            input_text=text,
            verdict=decision.verdict,
            stated=answer.stated if answer else decision.verdict,
            p_yes=answer.p_yes if answer else None,
            verdict_mass=answer.verdict_mass if answer else None,
            justification=answer.justification if answer else None,
            light=decision.light,
            candidate_light=decision.candidate,
            light_reason=decision.reason,
            error=str(outcome) if isinstance(outcome, ModelError) else None,
            latency_seconds=time.perf_counter() - started,
            prompt_tokens=answer.prompt_tokens if answer else None,
            completion_tokens=answer.completion_tokens if answer else None,
        )
