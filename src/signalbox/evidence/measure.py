"""Evidence of one answer by occlusion: the model reads the input again, each time without one part.

The weight of a part is the probability of the verdict with the whole input less that without the part (Zeiler & Fergus
2014, arXiv 1311.2901; "leave one out" in Li et al. 2016, arXiv 1612.08220). An encoder reads all inputs in one request; a
decoder reads one after another, and no more than the budget allows. The only module here that queries a model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from signalbox.contracts.evidence import EvidenceStatus
from signalbox.contracts.labels import LabelProbabilities, Verdict
from signalbox.contracts.record import EvidenceSpan, ModelRelease
from signalbox.contracts.routes import ModelName
from signalbox.errors import ModelError, ModelUnparsable
from signalbox.evidence.plan import ENCODER_PARTS, Part, Question, call_order, parts_of, without
from signalbox.models.base import Answer, ModelClient


@dataclass(frozen=True)
class Evidence:
    """The status, and a span for each part that was measured, in the order of the parts."""

    status: EvidenceStatus
    spans: tuple[EvidenceSpan, ...] = ()


@dataclass(frozen=True)
class Verdicts:
    """What is explained: a verdict, its probabilities and the release that gave them.

    `of_answer` gives the verdict of another answer, by the same thresholds.
    """

    verdict: Verdict
    probabilities: LabelProbabilities
    release: ModelRelease
    of_answer: Callable[[Answer], Verdict]


async def measure(
    client: ModelClient, model: ModelName, question: Question, language: str, answer: Verdicts, calls: int
) -> Evidence:
    """Evidence of an answer; a model that fails becomes a status. `calls`: the most calls to a decoder."""
    most = ENCODER_PARTS if model == "encoder" else calls
    if most < 1:
        return Evidence(EvidenceStatus.NO_CALLS)
    parts = parts_of(question, language, most)
    if not parts:
        # Two parts at least: without the only one there is no text.
        return Evidence(EvidenceStatus.TOO_SHORT if most > 1 else EvidenceStatus.NO_CALLS)
    order = call_order(parts)
    questions = [without(question, [parts[index]]) for index in order]
    if model == "encoder":
        # The whole text is read again with the others: another release may answer by now, and all must be of one.
        whole, *replies = await query_many(client, [question, *questions], language)
    else:
        whole, replies = None, await query_each(client, questions, language)
    changed = any(reply.release != answer.release for reply in (whole, *replies) if reply is not None)
    if changed:
        return Evidence(EvidenceStatus.OTHER_RELEASE)
    base = whole.probabilities if whole is not None and whole.probabilities else answer.probabilities
    by_part = dict(zip(order, replies, strict=True))
    spans = tuple(
        span
        for index, part in enumerate(parts)
        if (span := _span(part, by_part[index], base, answer)) is not None
    )
    if not spans:
        return Evidence(EvidenceStatus.FAILED)
    return Evidence(EvidenceStatus.MEASURED if len(spans) == len(parts) else EvidenceStatus.PARTIAL, spans)


async def query_many(
    client: ModelClient, questions: Sequence[Question], language: str
) -> list[Answer | None]:
    """Answers of an encoder by one request; None for each if it failed."""
    try:
        return [*await client.answer_many([question.text for question in questions], language)]
    except ModelError:
        return [None] * len(questions)


async def query_each(
    client: ModelClient, questions: Sequence[Question], language: str
) -> list[Answer | None]:
    """Answers of a decoder, each only as far as its probabilities are settled, in as many calls.

    The client limits how many run at once. The first failure ends all that follow it: a model that is down would let the
    reader wait for the time limit of each call.
    """
    tasks = [asyncio.ensure_future(_settled(client, question, language)) for question in questions]
    try:
        for task in tasks:
            try:
                await task
            except ModelUnparsable:
                continue
            except ModelError:
                break
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, ModelError | asyncio.CancelledError):
            raise result
    return [result if isinstance(result, Answer) else None for result in results]


async def _settled(client: ModelClient, question: Question, language: str) -> Answer:
    """The first answer of a stream: more text would not change its probabilities, so the rest is not generated."""
    context: dict[str, Any] = {"context": question.context} if question.context else {}
    async with aclosing(client.stream(question.text, language, **context)) as items:  # type: ignore[type-var]
        async for item in items:
            if isinstance(item, Answer):
                return item
    raise ModelUnparsable("The stream ended without an answer.")


def _span(
    part: Part, reply: Answer | None, base: LabelProbabilities, answer: Verdicts
) -> EvidenceSpan | None:
    """The span of a part; None if the model gave no probability without it."""
    if reply is None or reply.probabilities is None:
        return None
    return EvidenceSpan(
        start=part.span.start,
        end=part.span.end,
        weight=base.get(answer.verdict, 0.0) - reply.probabilities.get(answer.verdict, 0.0),
        unit=part.unit,
        passages=part.passages,
        verdict=answer.of_answer(reply),
    )
