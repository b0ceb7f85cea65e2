"""Queries of an evaluation: every row goes through the assessor, as a user's text does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Set

import aiohttp
from pydantic import ValidationError

from pipelines.evaluate.journal import Journal
from signalbox.assessor_client import Problem
from signalbox.contracts.record import LabeledText
from signalbox.contracts.routes import Route
from signalbox.errors import SetupError
from signalbox.proxies import uses_environment
from signalbox.settings import Settings

CONCURRENCY = 2


async def query_assessor(
    settings: Settings,
    route: Route,
    rows: Sequence[LabeledText],
    journal: Journal,
    advance: Callable[[], None],
    justified: Set[str],
) -> None:
    """Send the rows and journal each prediction when it comes. Raises SetupError.

    Only the rows with an id in `justified` get a justification. One language comes after the other, because a server
    keeps the prompt of the language it answers in.
    """
    queue = sorted(rows, key=lambda row: row.language)[::-1]
    timeout = aiohttp.ClientTimeout(total=settings.decoder_timeout_seconds * 2)

    async def work(session: aiohttp.ClientSession) -> None:
        while queue:
            row = queue.pop()
            journal.add(row.id, await _assess(settings, session, route, row, row.id in justified))
            advance()

    trust_env = uses_environment(settings.assessor_base_url)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=trust_env) as session:
        await asyncio.gather(*(work(session) for _ in range(CONCURRENCY)))


async def _assess(
    settings: Settings, session: aiohttp.ClientSession, route: Route, row: LabeledText, justifies: bool
) -> str:
    """The prediction's id. One text per request, so that its latency is a user's."""
    body: dict[str, object] = {"text": row.text, "language": row.language, "model": route}
    body |= {"source": "evaluation", "justification": justifies}
    if row.context and route == "decoder":  # the other routes read none (docs/decisions/0038-context.md)
        body["context"] = list(row.context)
    url = f"{settings.assessor_base_url}/v1/assess"
    try:
        async with session.post(url, json=body, headers=settings.assessor_headers) as response:
            if response.status != 200:
                raise _error_of(url, response.status, await response.read())
            return str((await response.json())["predictions"][0]["id"])
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SetupError(
            f"The assessor at {settings.assessor_base_url} does not answer ({str(error) or type(error).__name__}).",
            hint="Start it with `signalbox serve`, or set SIGNALBOX_ASSESSOR_URL. Answers so far are kept.",
        ) from error


def _error_of(url: str, status: int, content: bytes) -> SetupError:
    try:
        problem = Problem.model_validate_json(content)
    except ValidationError:
        text = content.decode(errors="replace")[:300]
        return SetupError(f"{url} answered {status}: {text}", hint="See the log of the server.")
    return SetupError(f"{url} answered {status}: {problem.detail}", hint=problem.hint)
