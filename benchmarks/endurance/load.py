"""The mixed load: activities that repeat until the end, each with its clients and its pause."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from benchmarks.endurance.events import Event, Trace
from signalbox.settings import Settings
from signalbox.tasks import load_data, load_task

_TIMEOUT = aiohttp.ClientTimeout(total=60)
_NO_ANSWER = 0
_RECENT = 50  # feedback is on one of so many newest predictions


class Load:
    """Requests to one assessor; what they saw is in `trace`. `clock` gives seconds since the start."""

    def __init__(self, settings: Settings, trace: Trace, clock: Callable[[], float]) -> None:
        self._url, self._trace, self._clock = settings.assessor_base_url, trace, clock
        task = load_task(settings.task)
        self._rows = itertools.cycle(load_data(task, "test"))
        self._messages = task.messages(next(self._rows).text, "en")
        self._labels = task.names
        self._draw = random.Random(0)
        self._recent: list[str] = []

    async def run(self, until: float) -> None:
        """All activities until this second of the clock."""
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, connector=connector) as session,
            asyncio.TaskGroup() as group,
        ):
            for name, activity in ACTIVITIES.items():
                for _ in range(activity.clients):
                    group.create_task(self._repeat(name, activity, session, until))

    async def _repeat(
        self, name: str, activity: Activity, session: aiohttp.ClientSession, until: float
    ) -> None:
        while self._clock() < until:
            started, start = time.perf_counter(), self._clock()
            try:
                status = await activity.step(self, session)
            except (aiohttp.ClientError, TimeoutError):
                status = _NO_ANSWER
            self._trace.events.append(Event(start, name, status, time.perf_counter() - started))
            await asyncio.sleep(activity.pause)

    async def assess(self, session: aiohttp.ClientSession) -> int:
        """One text on the route `encoder`."""
        row = next(self._rows)
        return await self._assess(session, {"text": row.text, "language": row.language, "model": "encoder"})

    async def assess_many(self, session: aiohttp.ClientSession) -> int:
        """Eight texts in a request."""
        rows = [next(self._rows) for _ in range(8)]
        body = {"texts": [row.text for row in rows], "language": rows[0].language, "model": "encoder"}
        return await self._assess(session, body)

    async def _assess(self, session: aiohttp.ClientSession, body: dict[str, object]) -> int:
        async with session.post(f"{self._url}/v1/assess", json=body) as response:
            if response.status == 200:
                self._keep([one["id"] for one in (await response.json())["predictions"]])
            return response.status

    async def stream(self, session: aiohttp.ClientSession) -> int:
        """One text on the route `decoder`, streamed; a stream without its last event has no answer."""
        row = next(self._rows)
        body = {"text": row.text, "language": row.language}
        async with session.post(f"{self._url}/v1/assess/stream", json=body) as response:
            if response.status != 200:
                return response.status
            events = (await response.text()).split("\n\n")
            last = next((event for event in reversed(events) if event.strip()), "")
            if not last.startswith("event: prediction"):
                return 500 if last.startswith("event: error") else _NO_ANSWER
            self._keep([last.split('"id":"', 1)[1].split('"', 1)[0]])
            return 200

    async def chat(self, session: aiohttp.ClientSession) -> int:
        """A short completion through the pass-through."""
        body = {"model": "local", "messages": self._messages, "max_tokens": 4}
        async with session.post(f"{self._url}/v1/chat/completions", json=body) as response:
            await response.read()
            return response.status

    async def feedback(self, session: aiohttp.ClientSession) -> int:
        """Ground truth of a recent prediction."""
        if not self._recent:
            return 200
        body = {"prediction_id": self._draw.choice(self._recent), "label": self._draw.choice(self._labels)}
        async with session.post(f"{self._url}/v1/feedback", json=body) as response:
            if response.status == 201:
                self._trace.feedback.append((await response.json())["id"])
            return response.status

    async def queue(self, session: aiohttp.ClientSession) -> int:
        """The next text of the queue, and its label."""
        async with session.post(f"{self._url}/v1/queue/next", json={}) as response:
            if response.status != 200:
                return response.status
            item = await response.json()
        answer = {"id": item["id"], "action": "label", "label": self._labels[0]}
        async with session.post(f"{self._url}/v1/queue", json=answer) as response:
            await response.read()
            return response.status

    async def pages(self, session: aiohttp.ClientSession) -> int:
        """The web page and the page of the queue; the worse of both statuses."""
        worst = 0
        for path in ("/", "/queue", "/certificates"):
            async with session.get(f"{self._url}{path}") as response:
                await response.read()
                worst = max(worst, response.status)
        return worst

    def _keep(self, ids: list[str]) -> None:
        self._trace.records += ids
        self._recent = [*self._recent, *ids][-_RECENT:]


@dataclass(frozen=True)
class Activity:
    """Clients that repeat a step, with a pause in seconds after each."""

    step: Callable[[Load, aiohttp.ClientSession], Awaitable[int]]
    clients: int
    pause: float


ACTIVITIES = {
    "assess": Activity(Load.assess, 3, 0.1),
    "assess 8 texts": Activity(Load.assess_many, 1, 1.0),
    "stream": Activity(Load.stream, 1, 1.0),
    "chat": Activity(Load.chat, 1, 2.0),
    "feedback": Activity(Load.feedback, 1, 0.5),
    "queue": Activity(Load.queue, 1, 0.5),
    "pages": Activity(Load.pages, 1, 1.0),
}
