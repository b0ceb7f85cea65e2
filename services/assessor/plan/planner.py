"""The planner in a process of its own, one question at a time, with a time limit and a cache of its answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

log = logging.getLogger(__name__)

# -P: the first entry of the path is not the current folder.
COMMAND = (sys.executable, "-P", "-m", "signalbox.capacity.answers.page_process")
# No setting of the assessor, which may be a secret; and nothing from the Hub.
_VARIABLES = ("PATH", "PYTHONPATH", "LANG", "TZ", "PYTHONDONTWRITEBYTECODE")
_OFFLINE = {"HF_HUB_OFFLINE": "1"}
_MOST_WAITING = 8
_MOST_ANSWERS = 64  # of up to 90 kB


class PlannerUnavailable(Exception):  # noqa: N818 - reads as what happened
    """No answer: the key of the page's message about it."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


class Planner:
    """Answers of `signalbox.capacity.answers.page_process`. The same question is computed once."""

    def __init__(self, seconds: float, command: Sequence[str] = COMMAND) -> None:
        self.seconds, self._command = seconds, command
        self._answers: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._turn, self._waiting = asyncio.Lock(), 0

    async def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a question. Raises PlannerUnavailable: too many questions wait, no time is left, or a failure."""
        key = json.dumps(question, sort_keys=True)
        if key in self._answers:
            return self._kept(key)
        async with self._in_turn():
            if key not in self._answers:  # answered meanwhile, to whom was in front
                self._answers[key] = await self._computed(key)
                while len(self._answers) > _MOST_ANSWERS:
                    self._answers.popitem(last=False)
            return self._kept(key)

    def _kept(self, key: str) -> dict[str, Any]:
        self._answers.move_to_end(key)
        return self._answers[key]

    @contextlib.asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        if self._waiting >= _MOST_WAITING:
            raise PlannerUnavailable("plan_busy")
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1

    async def _computed(self, question: str) -> dict[str, Any]:
        environment = {name: os.environ[name] for name in _VARIABLES if name in os.environ} | _OFFLINE
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )
        try:
            async with asyncio.timeout(self.seconds):
                output, errors = await process.communicate(question.encode())
        except TimeoutError as error:
            raise PlannerUnavailable("plan_slow") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            log.error(
                "planner failed", extra={"status": process.returncode, "cause": errors.decode()[-2000:]}
            )
            raise PlannerUnavailable("plan_failed")
        answer: dict[str, Any] = json.loads(output)
        return answer
