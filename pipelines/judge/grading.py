"""Grading of a shard: calls to the judge, journaled one answer at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.judge.client import JudgeClient, Score, prompt_for
from pipelines.judge.criteria import Criterion, calls
from pipelines.judge.run import DELETED, Plan, Row, RunFolder, Selection
from pipelines.progress import progress
from pipelines.shards import Shard
from signalbox.contracts.labels import Label
from signalbox.contracts.record import Record
from signalbox.errors import ModelError, ModelUnavailable
from signalbox.store import Store
from signalbox.tasks import Task

logger = logging.getLogger(__name__)

MOST_FAILURES = 0.1  # of a shard's answers; with more the judge is at fault, not the answer


@dataclass(frozen=True)
class Grader:
    """A judge with its questions, for the answers of one plan."""

    store: Store
    task: Task
    criteria: Sequence[Criterion]
    plan: Plan
    client: JudgeClient

    async def grade_shard(self, folder: RunFolder, shard: Shard, concurrency: int) -> list[Row]:
        """One row for each answer of the shard. A ModelError where the judge is away or fails too often.

        Rows without a reply are not journaled: the next try queries them again.
        """
        selections = [one for one in self.plan.chosen if shard.holds(one.id)]
        rows = folder.resume(shard)
        queue = [one for one in selections if one.id not in rows]
        failures: list[Row] = []

        async def work() -> None:
            while queue:
                row, cause = await self.grade(queue.pop())
                if row.error is None:
                    folder.add(shard, row)
                    rows[row.id] = row
                else:
                    failures.append(row)
                    if cause is not None and len(failures) > max(3, MOST_FAILURES * len(selections)):
                        raise cause
                advance()

        completed = len(selections) - len(queue)
        with progress("judge", len(selections), completed=completed) as advance:
            workers = [asyncio.ensure_future(work()) for _ in range(concurrency)]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        if failures:
            counts = {"answers": len(failures), "of": len(selections)}
            logger.warning("answers without a reply from the judge", extra=counts)
        return [*(rows[one.id] for one in selections if one.id in rows), *failures]

    async def grade(self, selection: Selection) -> tuple[Row, ModelError | None]:
        """The row of an answer, and the error where the judge gave no reply."""
        record = await self.store.get(selection.id)
        if record is None:
            return _deleted(selection), None
        if not selection.judgeable:
            return self._row(record, selection, {}, None), None
        scores: dict[str, Score] = {}
        for group in calls(self.criteria, self.plan.options.per_call, labeled=selection.label is not None):
            prompt = prompt_for(self.task, record, group, selection.label)
            try:
                replies = await self.client.scores(prompt, len(group))
            except ModelUnavailable:
                raise
            except ModelError as error:
                return self._row(record, selection, {}, type(error).__name__), error
            scores |= {criterion.name: score for criterion, score in zip(group, replies, strict=True)}
        return self._row(record, selection, scores, None), None

    def _is_right(self, record: Record, label: Label) -> bool:
        """The record keeps the verdict as it was named then."""
        return self.task.verdict_of(record.verdict) == self.task.verdict_of(label)

    def _row(self, record: Record, selection: Selection, scores: dict[str, Score], error: str | None) -> Row:
        label, release = selection.label, record.release
        return Row(
            id=record.id,
            language=record.language,
            label=label,
            right=None if label is None else self._is_right(record, label),
            sampled=selection.sampled,
            own_answer=release is not None and release.key == self.plan.options.judge,
            asked=record.asked,
            propensity=record.propensity,
            judgeable=selection.judgeable,
            scores=scores,
            error=error,
        )


def _deleted(selection: Selection) -> Row:
    return Row(
        id=selection.id,
        language="",
        label=None,
        right=None,
        sampled=selection.sampled,
        own_answer=False,
        scores={},
        error=DELETED,
    )
