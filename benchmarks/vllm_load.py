"""A constant number of streaming clients of a chat API, from several processes, and the figures of their answers."""

from __future__ import annotations

import asyncio
import functools
import re
import statistics
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from signalbox.settings import Settings
from signalbox.tasks import Task, load_task

SERVED_NAME = "random"
ANSWER_TOKENS = 128
JOULES_PER_WH = 3600.0
_COMPLETION_TOKENS = re.compile(rb'"completion_tokens":\s*(\d+)')


@dataclass(frozen=True)
class Answer:
    """One answer: monotonic seconds of its request, its first byte and its end, and its tokens."""

    start: float
    first: float
    end: float
    tokens: int

    def share(self, window: tuple[float, float]) -> float:
        """The part of its time that is in the window."""
        overlap = min(self.end, window[1]) - max(self.start, window[0])
        return max(0.0, overlap) / (self.end - self.start)


@dataclass(frozen=True)
class Load:
    """What one process sends: so many clients, from `start` until `end` (monotonic seconds)."""

    url: str
    clients: int
    number: int
    start: float
    end: float


@functools.cache
def _task() -> Task:
    return load_task(Settings().task)


def body(number: str) -> dict[str, Any]:
    """A request as the decoder route sends it, of a text that no other request has."""
    text = f"The statutory benefit is confirmed for case {number}, and the aid is indicated."
    return {
        "model": SERVED_NAME,
        "messages": _task().messages(text, "en"),
        "max_tokens": ANSWER_TOKENS,
        "ignore_eos": True,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def run_load(load: Load) -> tuple[list[Answer], int]:
    """In a process of its own: the answers, and how many requests failed."""
    return asyncio.run(_run_load(load))


async def _run_load(load: Load) -> tuple[list[Answer], int]:
    answers: list[Answer] = []
    failures = 0
    await asyncio.sleep(max(0.0, load.start - time.monotonic()))

    async def client(session: aiohttp.ClientSession, index: int) -> None:
        nonlocal failures
        count = 0
        while time.monotonic() < load.end:
            count += 1
            try:
                answers.append(
                    await _ask(session, load.url, body(f"{load.number}-{index}-{count}-{load.start}"))
                )
            except (aiohttp.ClientError, ValueError):
                failures += 1

    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        await asyncio.gather(*(client(session, index) for index in range(load.clients)))
    return answers, failures


async def _ask(session: aiohttp.ClientSession, url: str, request: dict[str, Any]) -> Answer:
    start, first, tail = time.monotonic(), 0.0, b""
    async with session.post(url, json=request) as response:
        response.raise_for_status()
        async for piece in response.content.iter_any():
            first = first or time.monotonic()
            tail = (tail + piece)[-2000:]
    counts = _COMPLETION_TOKENS.findall(tail)
    if not counts or b"[DONE]" not in tail:
        raise ValueError(f"broken stream: {tail[-200:]!r}")
    return Answer(start, first, time.monotonic(), int(counts[-1]))


def figures(answers: list[Answer], window: tuple[float, float], watts: float) -> dict[str, float]:
    """Rates of the window, and times to the first token of the requests that were sent in it."""
    seconds = window[1] - window[0]
    whole = sum(answer.share(window) for answer in answers)
    tokens = sum(answer.share(window) * answer.tokens for answer in answers)
    first = sorted(answer.first - answer.start for answer in answers if window[0] <= answer.start < window[1])
    if not first or not tokens:
        raise RuntimeError("no request was answered within the window")
    return {
        "tokens_per_second": tokens / seconds,
        "ttft_p50_ms": 1000 * statistics.median(first),
        "ttft_p99_ms": 1000 * first[min(len(first) - 1, int(0.99 * len(first)))],
        "answer_seconds": statistics.median(answer.end - answer.start for answer in answers),
        "watts": watts,
        "wh_per_1000_answers": watts * seconds / whole * 1000 / JOULES_PER_WH,
    }
