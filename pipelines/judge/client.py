"""The judge: an OpenAI-compatible server that answers several questions about an answer on one constrained line."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Sequence
from typing import Any

from pipelines.judge.criteria import Criterion
from signalbox.contracts.labels import NEUTRAL, NO, YES, Label
from signalbox.contracts.record import Contract, ModelRelease, Probability, Record
from signalbox.errors import ModelTimeout, ModelUnavailable, SetupError
from signalbox.models import ChatServer, Engine, Position, RetryBudget, verdict
from signalbox.settings import Settings
from signalbox.tasks import Task

SYSTEM = (
    "You check the answer that somebody gave to a task. Questions about it are numbered. Answer each of them with "
    "Yes or No, in order, on one line and without reasons. For three questions such a line is: 1: No; 2: Yes; 3: No"
)
WORDS = {YES: ("Yes",), NO: ("No",)}
# No word of the input, the answer or the questions is an instruction to the judge's own code: only this line is read.
_PAUSES_SECONDS = (1.0, 4.0, 15.0)
_TOKENS_A_QUESTION = 6  # five where digits are tokens of their own; more would only add latency


class Score(Contract):
    """The judge's answer on one criterion. `p_yes` is None where it gave no verdict, for `reason`."""

    p_yes: Probability | None = None
    verdict_mass: Probability | None = None
    reason: str | None = None


class JudgeClient:
    """Queries the judge. A passing failure is retried within a budget, an unreadable answer is not."""

    def __init__(
        self,
        base_url: str,
        *,
        model: str,
        api_key: str | None = None,
        timeout_seconds: float = 60.0,
        concurrency: int = 2,
        pauses: Sequence[float] = _PAUSES_SECONDS,
    ) -> None:
        self._server = ChatServer(
            base_url,
            model=model,
            api_key=api_key,
            timeout_seconds=timeout_seconds,
            concurrency=concurrency,
            variables="SIGNALBOX_JUDGE",
        )
        self._pauses = pauses
        self._retries = RetryBudget()

    async def release(self) -> ModelRelease:
        """The judge's release. Raises a ModelError."""
        return await self._server.release()

    async def scores(self, prompt: str, count: int) -> list[Score]:
        """One score a question. Raises a ModelError when the server gave no answer at all."""
        self._retries.earn()
        for pause in (*self._pauses, None):
            try:
                return await self._query(prompt, count)
            except (ModelUnavailable, ModelTimeout):
                if pause is None or not self._retries.spend():
                    raise
                await asyncio.sleep(pause)
        raise AssertionError  # the last pause is None

    async def close(self) -> None:
        await self._server.close()

    async def _query(self, prompt: str, count: int) -> list[Score]:
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
        async with self._server.call() as call:
            transcript = await call.complete(
                messages,
                max_tokens=_TOKENS_A_QUESTION * count + 4,
                extra=_constraint(await call.engine(), count),
            )
            return read_line(transcript.text, transcript.positions, count)


def _constraint(engine: Engine, count: int) -> dict[str, Any]:
    """Every possible line of verdicts, where the engine can be constrained."""
    if engine.constraint is None:
        return {}
    words = (WORDS[YES][0], WORDS[NO][0])
    lines = [
        "; ".join(f"{number}: {word}" for number, word in enumerate(verdicts, start=1))
        for verdicts in itertools.product(words, repeat=count)
    ]
    return engine.constraint(lines)


def make_judge(settings: Settings, *, concurrency: int) -> JudgeClient:
    """The judge of the settings. SetupError where none is configured: there is no fallback."""
    if not settings.judge_url:
        raise SetupError(
            "No judge is configured.",
            hint="Set SIGNALBOX_JUDGE_URL to the base URL of an OpenAI-compatible server, with /v1, and "
            "SIGNALBOX_JUDGE_MODEL if it serves several models.",
        )
    key = settings.judge_api_key.get_secret_value() if settings.judge_api_key else None
    return JudgeClient(
        settings.judge_url,
        model=settings.judge_model,
        api_key=key,
        timeout_seconds=settings.decoder_timeout_seconds,
        concurrency=concurrency,
    )


def prompt_for(task: Task, record: Record, criteria: Sequence[Criterion], label: Label | None) -> str:
    """The prompt of one call. The ground truth is in it only where the criteria need it.

    The long part comes first and is the same in each call about an answer, so that a server's prefix cache serves it.
    """
    question = task.question.get(record.language) or next(iter(task.question.values()), task.name)
    parts = [
        f"Task: {question}",
        *_meanings(task, record.language),
        f"<input>\n{record.input_text}\n</input>",
        f"<answer>\n{task.word(record.verdict, record.language)}. {record.justification}\n</answer>",
    ]
    if label is not None and any(criterion.needs_label for criterion in criteria):
        parts.append(f"<ground-truth>{task.word(label, record.language)}</ground-truth>")
    questions = [f"{number}: {criterion.question}" for number, criterion in enumerate(criteria, start=1)]
    return "\n".join([*parts, "Questions:", *questions])


def _meanings(task: Task, language: str) -> list[str]:
    """The labels with their descriptions: a judge that does not know what they mean judges the word alone.

    A yes/no question without descriptions says it all.
    """
    words = task.words(language) if language in task.languages else {}
    if len(words) <= 2 and not any(task.description(label, language) for label in words):
        return []
    lines = [
        ": ".join(filter(None, (f"- {forms[0]}", task.description(label, language))))
        for label, forms in words.items()
    ]
    return ["The answer begins with one of these categories:", *lines]


def read_line(text: str, positions: Sequence[Position], count: int) -> list[Score]:
    """The score of each question from `1: Yes; 2: No`: p(yes) where its verdict word begins. Pure, never a guess."""
    line = text.strip()
    tokens = "".join(position.token for position in positions)
    base = tokens.find(line) if line else -1
    starts = _starts(line, count)
    ends = [*starts[1:], None]
    scores = []
    for start, following in zip(starts, ends, strict=True):
        if start is None:
            scores.append(Score(reason="not answered"))
        elif verdict.stated_verdict(line[start:], WORDS) == NEUTRAL:
            scores.append(Score(reason="no verdict word"))
        else:
            until = len(line) if following is None else following
            scores.append(_score(positions, base + start, base + until) if base >= 0 else _NO_PROBABILITIES)
    return scores


_NO_PROBABILITIES = Score(reason="no probabilities")


def _starts(line: str, count: int) -> list[int | None]:
    """Where the answer to each question begins: after its number; None where it has none."""
    starts: list[int | None] = []
    at = 0
    for number in range(1, count + 1):
        mark = re.compile(rf"(?<![\w.]){number}\s*[:.)]").search(line, at)
        at = mark.end() if mark else at
        starts.append(mark.end() if mark else None)
    # Without a constraint, a judge with a single question often leaves the number out.
    return [0] if starts == [None] and line else starts


def _score(positions: Sequence[Position], start: int, end: int) -> Score:
    """p(yes) of the tokens that begin within [start, end) of the text."""
    inside, at = [], 0
    for position in positions:
        if start <= at < end:
            inside.append(position)
        at += len(position.token)
    reading = verdict.read_verdict(inside, WORDS) if inside else None
    if reading is None or reading.p_yes is None:
        return _NO_PROBABILITIES
    return Score(p_yes=reading.p_yes, verdict_mass=reading.verdict_mass)
