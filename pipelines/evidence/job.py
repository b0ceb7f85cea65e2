"""Measure the evidence of the running models on texts of several sentences.

Models are queried directly, not through the assessor: parts of a text are no predictions for a user, and a red light
withholds the probabilities that are needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence

from pipelines.evidence.faithfulness import (
    OrderScores,
    evidence_order,
    random_orders,
    scores_by_order,
    subsets_of,
)
from pipelines.evidence.journal import Journal
from pipelines.evidence.publish import publish
from pipelines.evidence.result import Result, Row
from pipelines.progress import progress
from pipelines.strata import select_rows
from signalbox import thresholds
from signalbox.contracts.record import LabeledText
from signalbox.contracts.routes import ModelName
from signalbox.errors import InputError, ModelUnavailable, SetupError
from signalbox.evidence import Part, Question, parts_of, query_each, query_many, without
from signalbox.evidence.plan import ENCODER_PARTS
from signalbox.models.base import Answer, ModelClient
from signalbox.models.factory import make_client
from signalbox.models.reachable import release_within
from signalbox.settings import Settings
from signalbox.tasks import Task, load_task
from signalbox.tasks.loading import load_all
from signalbox.thresholds import ThresholdFile
from signalbox.traffic_light import decide

logger = logging.getLogger(__name__)


def measure_evidence(
    settings: Settings,
    *,
    models: Sequence[ModelName],
    limit: int | None = None,
    orders: int | None = None,
    track: bool = True,
    fresh: bool = False,
) -> list[Result]:
    """Measure and publish the evidence of models. Raises InputError, SetupError, ModelError.

    `limit` is the number of texts of each language and label, and `orders` that of those whose orders are measured, which
    takes about five times as many calls as pointing; `fresh` ignores what an earlier run measured.
    """
    task = load_task(settings.task)
    rows = select_rows(rows_of(task), limit)
    if not rows:
        hint = (
            "Add texts of several sentences to the test split, with `decisive` offsets to measure pointing."
        )
        raise InputError("data.jsonl", str(task.folder / "data.jsonl"), hint)
    ordered = {row.id for row in select_rows(rows, orders)}
    results = []
    for model in models:
        result = asyncio.run(_measure(settings, task, model, rows, ordered, fresh))
        publish(settings, result, track=track)
        results.append(result)
    return results


def rows_of(task: Task) -> list[LabeledText]:
    """The test texts whose decisive part is known; without any, all that have several sentences."""
    rows = [row for row in load_all(task) if row.split == "test"]
    known = [row for row in rows if row.decisive is not None]
    several = [row for row in rows if len(_sentences(row, 2)) > 1]
    return known or several


async def _measure(
    settings: Settings,
    task: Task,
    model: ModelName,
    texts: Sequence[LabeledText],
    ordered: Collection[str],
    fresh: bool,
) -> Result:
    client = make_client(settings, task, model)
    try:
        release = await release_within(client, settings.server_wait_seconds)
        limits = thresholds.load(settings.thresholds_dir, task.name, release)
        journal = Journal(settings, task, release, limits)
        if fresh:
            journal.clear()
        pending = [text for text in texts if not journal.has(text, orders=text.id in ordered)]
        fields = {"model": model, "release": release.key, "texts": len(texts), "pending": len(pending)}
        logger.info("evidence started", extra=fields)
        with progress(f"evidence {model}", len(texts), completed=len(texts) - len(pending)) as advance:
            for text in pending:
                work = _Text(client, model, task, text, limits)
                journal.add(text, await work.measure(orders=text.id in ordered))
                advance()
    finally:
        await client.close()
    rows = tuple(row for text in texts if (row := journal[text]) is not None)
    if not rows:
        problem = f"{release.key} gave no verdict for any of {len(texts)} texts."
        raise SetupError(problem, hint="Try another model.")
    return Result(task.name, model, release.key, rows, len(texts) - len(rows))


class _Text:
    """The measurement of one text."""

    def __init__(
        self,
        client: ModelClient,
        model: ModelName,
        task: Task,
        row: LabeledText,
        limits: ThresholdFile | None,
    ) -> None:
        self._client, self._model, self._task, self._row = client, model, task, row
        self._limits = limits.languages.get(row.language) if limits else None
        self._question = Question(row.text)
        self._parts = _sentences(row, ENCODER_PARTS)
        self._values: dict[frozenset[int], float] = {}

    async def measure(self, *, orders: bool) -> Row | None:
        """The row; None without a verdict or with one part only."""
        [whole] = await self._answers([frozenset(range(len(self._parts)))])
        verdict = decide(whole, self._limits).verdict
        if len(self._parts) < 2 or verdict not in (whole.probabilities or {}):
            return None
        every = frozenset(range(len(self._parts)))
        self._values[every] = _probability(whole, verdict)
        await self._value([every - {i} for i in every], verdict)
        weights = tuple(self._values[every] - self._values[every - {i}] for i in sorted(every))
        scores, new_sets = await self._orders(weights, verdict) if orders else (None, None)
        return Row(
            id=self._row.id,
            language=self._row.language,
            lengths=tuple(part.span.end - part.span.start for part in self._parts),
            weights=weights,
            decisive=_position(self._parts, self._row.decisive),
            is_right=self._task.verdict_of(self._row.label) == verdict,
            orders=scores,
            new_sets=new_sets,
        )

    async def _orders(
        self, weights: Sequence[float], verdict: str
    ) -> tuple[dict[str, OrderScores], dict[str, OrderScores] | None]:
        """Scores of the orders, and those on new sets, which need three parts."""
        order, others = evidence_order(weights), random_orders(len(weights), self._row.id)
        await self._value(sorted(subsets_of([order, *others]), key=sorted), verdict)
        new_sets = scores_by_order(self._values, order, others, new_sets=True) if len(order) > 2 else None
        return scores_by_order(self._values, order, others), new_sets

    async def _value(self, subsets: Sequence[frozenset[int]], verdict: str) -> None:
        """Query the model for the sets of parts that have no value yet."""
        new = [subset for subset in subsets if subset not in self._values]
        for subset, answer in zip(new, await self._answers(new), strict=True):
            self._values[subset] = _probability(answer, verdict)

    async def _answers(self, subsets: Sequence[frozenset[int]]) -> list[Answer]:
        questions = [
            without(self._question, [part for i, part in enumerate(self._parts) if i not in subset])
            for subset in subsets
        ]
        query = query_many if self._model == "encoder" else query_each
        answers = await query(self._client, questions, self._row.language)
        complete = [answer for answer in answers if answer is not None]
        if len(complete) < len(questions):
            raise ModelUnavailable(
                f"The {self._model} stopped answering at {self._row.id}.", hint="See its log, then run again."
            )
        return complete


def _sentences(row: LabeledText, most: int) -> tuple[Part, ...]:
    """The sentences of a text; none if it has one only."""
    parts = parts_of(Question(row.text), row.language, most)
    return tuple(part for part in parts if part.unit != "words")


def _probability(answer: Answer, verdict: str) -> float:
    """The verdict's probability; 0 where the model gave no label any, as nothing is left that carries it."""
    return (answer.probabilities or {}).get(verdict, 0.0)


def _position(parts: Sequence[Part], decisive: tuple[int, int] | None) -> int | None:
    """The part that has the decisive sentence; None if no part has it whole."""
    if decisive is None:
        return None
    start, end = decisive
    return next(
        (i for i, part in enumerate(parts) if part.span.start <= start and end <= part.span.end), None
    )
