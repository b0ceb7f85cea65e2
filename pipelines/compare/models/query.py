"""Queries of a comparison: a model answers the rows that its journal lacks, one at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pipelines.compare.models.candidates import Candidate, Server
from pipelines.compare.models.energy import Meter
from pipelines.compare.models.journal import Journal, Question, Reply, SessionFacts
from pipelines.compare.rows import row_key
from pipelines.passages import as_read_by, passages_of
from pipelines.progress import progress
from pipelines.shards import WHOLE, Shard
from signalbox.contracts.record import LabeledText, ModelRelease
from signalbox.errors import ModelError, ModelRejected, SetupError
from signalbox.models.base import ModelClient
from signalbox.models.reachable import release_within

logger = logging.getLogger(__name__)

_SAMPLE_EVERY = 10  # replies, between two readings of memory and energy
_FEWEST_FAILURES, _FAILURE_SHARE = 3, 0.1


def answers_of(
    candidate: Candidate,
    questions: Sequence[Question],
    folder: Path,
    meter: Meter | None,
    console: Console | None = None,
    shard: Shard = WHOLE,
) -> Journal:
    """The journal with an answer to every question of the shard, where the model gave one.

    The model is started only if an answer is missing. Raises ModelError where it cannot be queried, SetupError where
    it cannot be started or its release changed.
    """
    questions = [(row, repeat) for row, repeat in questions if shard.holds(row_key(row))]
    if candidate.identity is not None:
        journal = Journal(folder, candidate.name, f"{candidate.identity}|{candidate.prompt}", shard)
        if journal.release is not None and not journal.pending(questions):
            return journal
    with candidate.serve() as server:
        return asyncio.run(_Session(candidate, server, questions, folder, meter, console, shard).run())


class _Session:
    def __init__(
        self,
        candidate: Candidate,
        server: Server,
        questions: Sequence[Question],
        folder: Path,
        meter: Meter | None,
        console: Console | None,
        shard: Shard,
    ) -> None:
        self._candidate, self._server, self._questions, self._shard = candidate, server, questions, shard
        self._folder, self._meter, self._console = folder, meter, console
        self._memory: int | None = None
        self._replies = 0

    async def run(self) -> Journal:
        client = self._server.client()
        try:
            release = await self._release(client, self._server.wait_seconds)
            identity = self._candidate.identity or f"{self._candidate.name}|{release.key}"
            identity = f"{identity}|{self._candidate.prompt}"
            journal = Journal(self._folder, self._candidate.name, identity, self._shard)
            if pending := journal.pending(self._questions):
                await self._query(client, journal, release, pending)
        finally:
            await client.close()
        return journal

    async def _query(
        self,
        client: ModelClient,
        journal: Journal,
        release: ModelRelease,
        pending: list[Question],
    ) -> None:
        journal.add(SessionFacts(release=release, replies=0))
        self._sample()
        failures = 0
        name, completed = self._candidate.name, len(self._questions) - len(pending)
        with progress(
            f"query {name}", len(pending) + completed, completed=completed, console=self._console
        ) as advance:
            for row, repeat in pending:
                try:
                    read = as_read_by(self._candidate.kind, row)
                    answer = await client.verdict(row.text, row.language, *passages_of(read))
                except ModelError as error:
                    failures += 1
                    logger.warning(
                        "row without an answer", extra={"model": name, "row": row.id, "cause": error.message}
                    )
                    if failures > max(_FEWEST_FAILURES, _FAILURE_SHARE * len(pending)):
                        raise
                    continue
                finally:
                    advance()
                journal.add(
                    _reply(
                        row,
                        repeat,
                        answer.stated,
                        answer.probabilities,
                        answer.verdict_mass,
                        answer.latency_seconds,
                    )
                )
                self._replies += 1
                if self._replies % _SAMPLE_EVERY == 0:
                    self._sample()
        self._sample()
        if await self._release(client, 0.0) != release:
            journal.clear()
            raise SetupError(
                f"The release of {name} changed during the comparison.", hint="Run the comparison again."
            )
        journal.add(self._facts(release))

    async def _release(self, client: ModelClient, wait_seconds: float) -> ModelRelease:
        try:
            return await release_within(client, wait_seconds)
        except ModelRejected as error:
            hint = error.hint.replace(
                "Set SIGNALBOX_COMPARE_MODEL to one of:", "Write its name after `#` in the URL, one of:"
            )
            raise ModelRejected(error.message, hint=hint) from error

    def _sample(self) -> None:
        """Memory is the largest of all samples: pages of a model are read when they are first used."""
        memory = self._server.memory()
        if memory is not None:
            self._memory = max(memory, self._memory or 0)
        if self._meter is not None:
            self._meter.sample()

    def _facts(self, release: ModelRelease) -> SessionFacts:
        return SessionFacts(
            release=release,
            replies=self._replies,
            memory_bytes=self._memory,
            joules=self._meter.joules if self._meter else None,
            energy_source=self._meter.source if self._meter else None,
        )


def _reply(row: LabeledText, repeat: int, *answer: object) -> Reply:
    stated, probabilities, mass, seconds = answer
    fields = {"stated": stated, "probabilities": probabilities, "verdict_mass": mass, "seconds": seconds}
    return Reply.model_validate({"row": row_key(row), "repeat": repeat, **fields})
