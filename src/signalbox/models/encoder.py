"""Client of the encoder's predictor: the open inference protocol (V2, REST) over aiohttp."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp

from signalbox.contracts.encoders import MAX_CHARACTERS, MAX_TEXTS
from signalbox.contracts.labels import ABSTAIN, LabelProbabilities, listed, yes_no
from signalbox.contracts.record import ModelRelease
from signalbox.errors import ModelError, ModelRejected, ModelUnparsable
from signalbox.models.base import Answer
from signalbox.models.transport import CONNECTION_RESETS, RetryBudget, model_errors, status_error
from signalbox.proxies import uses_environment
from signalbox.serving.sharing import SharedRequests, Sharing
from signalbox.tasks import Task

_PROBE, _PROBE_LANGUAGE = "-", "en"
_READY_TIMEOUT_SECONDS = 2.0
_Text = tuple[str, str]  # and its language


class _Reply(NamedTuple):
    """What the predictor gives for one text."""

    release: ModelRelease
    verdict: str
    probabilities: LabelProbabilities
    truncated: bool


class EncoderClient:
    """Queries a KServe predictor; many texts are one request, also those of several calls. Implements `ModelClient`.

    With a task, answers have its labels in its order, and a release with other labels is a ModelUnparsable.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_seconds: float,
        model_name: str = "encoder",
        task: Task | None = None,
        sharing: Sharing = Sharing(),  # noqa: B008 - frozen
    ) -> None:
        self._task = task
        self._requests = SharedRequests(self._infer, sharing)
        self._url = f"{base_url.rstrip('/')}/v2/models/{model_name}"
        self._timeout_seconds = timeout_seconds
        self._limit = aiohttp.ClientTimeout(total=timeout_seconds)
        self._budget = RetryBudget()
        self._session: aiohttp.ClientSession | None = None

    async def release(self) -> ModelRelease:
        """The release that is served now; not cached, because the server may load another one."""
        metadata = await self._call("GET", self._url)
        with self._errors():
            release = (metadata.get("parameters") or metadata.get("properties") or {}).get("release")
            if release is not None:
                return _release(release)
        # KServe's metadata has no field for it, but every answer names its release.
        return (await self.answer(_PROBE, _PROBE_LANGUAGE)).release

    async def ready(self) -> bool:
        """Whether the model accepts requests now; never raises."""
        try:
            await self._call("GET", f"{self._url}/ready", timeout_seconds=_READY_TIMEOUT_SECONDS)
        except ModelError:
            return False
        return True

    async def answer(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
        """One answer. Raises a ModelError, for passages too: a head learned from texts alone."""
        _reject_context(context)
        return (await self.answer_many([text], language))[0]

    async def verdict(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
        """The same as `answer`: an encoder justifies nothing. Raises a ModelError."""
        return await self.answer(text, language, context)

    async def answer_many(self, texts: list[str], language: str) -> list[Answer]:
        """Answers in the order of `texts`, by as few requests as the service allows. Raises a ModelError when one failed.

        Of a text that is longer than the service accepts, the beginning is sent, and the answer is `truncated`.
        """
        if not texts:
            return []
        started = time.monotonic()
        with self._errors():
            replies = await self._replies_to([(text[:MAX_CHARACTERS], language) for text in texts])
            # The latency of a batch is that of each answer in it: that is how long its reader waited.
            latency = time.monotonic() - started
            return [
                _answer(reply, latency, self._task, is_cut=len(text) > MAX_CHARACTERS)
                for text, reply in zip(texts, replies, strict=True)
            ]

    async def stream(
        self, text: str, language: str, context: Sequence[str] = ()
    ) -> AsyncIterator[str | Answer]:
        """The answer, once: an encoder writes no text. Raises a ModelError."""
        yield await self.answer(text, language, context)

    async def close(self) -> None:
        """Close the connections."""
        await self._requests.close()
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def _replies_to(self, items: Sequence[_Text]) -> Sequence[_Reply]:
        """The limit is the caller's: it includes the wait for a request in flight, and all parts of a large batch."""
        if len(items) <= MAX_TEXTS:
            return await self._requests.results(items, self._timeout_seconds)
        parts = [
            asyncio.ensure_future(
                self._requests.results(items[start : start + MAX_TEXTS], self._timeout_seconds)
            )
            for start in range(0, len(items), MAX_TEXTS)
        ]
        try:
            return [reply for part in await asyncio.gather(*parts) for reply in part]
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _infer(self, texts: Sequence[_Text]) -> list[_Reply]:
        """One request."""
        body = await self._call("POST", f"{self._url}/infer", _request(texts))
        with self._errors():
            return _replies(body, len(texts))

    async def _call(
        self,
        method: str,
        url: str,
        body: dict[str, Any] | None = None,
        *,
        timeout_seconds: float | None = None,
    ) -> dict[str, Any]:
        """One request; after a reset connection it is sent once more while the budget allows it."""
        limit = self._limit if timeout_seconds is None else aiohttp.ClientTimeout(total=timeout_seconds)
        self._budget.earn()
        with self._errors():
            try:
                return await self._send(method, url, body, limit)
            except aiohttp.ClientConnectorError:
                raise  # Nothing listens: an immediate retry changes nothing.
            except CONNECTION_RESETS:
                if not self._budget.spend():
                    raise
            return await self._send(method, url, body, limit)

    async def _send(
        self, method: str, url: str, body: dict[str, Any] | None, limit: aiohttp.ClientTimeout
    ) -> dict[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=uses_environment(self._url))
        # A redirect would take texts to wherever it points.
        request = self._session.request(method, url, json=body, timeout=limit, allow_redirects=False)
        async with request as response:
            content = await response.read()
            if response.status != HTTPStatus.OK:
                raise status_error(url, response.status, content, texts=_texts(body))
        if not content:
            return {}
        parsed = json.loads(content)
        if not isinstance(parsed, dict):
            raise ModelUnparsable(f"{url}: got JSON that is no object.", hint="Is it a V2 inference server?")
        return parsed

    def _errors(self) -> AbstractContextManager[None]:
        return model_errors(self._url, self._timeout_seconds)


def _reject_context(context: Sequence[str]) -> None:
    if context:
        raise ModelRejected("An encoder reads no passages.", hint="Send the context to the decoder.")


def _request(texts: Sequence[_Text]) -> dict[str, Any]:
    columns = zip(("text", "language"), zip(*texts, strict=True), strict=True)
    return {
        "inputs": [
            {"name": name, "datatype": "BYTES", "shape": [len(data)], "data": data} for name, data in columns
        ]
    }


def _texts(body: dict[str, Any] | None) -> list[str]:
    """The texts of a request."""
    inputs = body["inputs"] if body else ()
    return [text for column in inputs if column["name"] == "text" for text in column["data"]]


def _replies(body: dict[str, Any], expected: int) -> list[_Reply]:
    release = _release((body.get("parameters") or {})["release"])
    outputs = {output["name"]: output["data"] for output in body["outputs"]}
    rows, verdicts = _probabilities(outputs, body["parameters"]), outputs["verdict"]
    if not len(rows) == len(verdicts) == expected:
        raise ModelUnparsable(f"The encoder gave {len(rows)} answers for {expected} texts.")
    # A predictor of an earlier version does not say it.
    truncated = outputs.get("truncated") or [False] * expected
    return [
        _Reply(release, verdict, row, bool(cut_off))
        for verdict, row, cut_off in zip(verdicts, rows, truncated, strict=True)
    ]


def _answer(reply: _Reply, latency_seconds: float, task: Task | None, *, is_cut: bool = False) -> Answer:
    verdict, row = reply.verdict, reply.probabilities
    if verdict not in row:
        raise ModelUnparsable(f"The encoder's verdict {verdict!r} is none of its labels.")
    return Answer(
        release=reply.release,
        stated=verdict if task is None else task.current(verdict) or verdict,
        probabilities=row if task is None else of_task(row, task),
        truncated=reply.truncated or is_cut,
        latency_seconds=latency_seconds,
    )


def _probabilities(outputs: dict[str, Any], parameters: dict[str, Any]) -> list[LabelProbabilities]:
    """One mapping a text, from the tensor [texts, labels]; a release of the first version has p(yes) only."""
    if "probabilities" not in outputs:
        return [yes_no(float(p)) or {} for p in outputs["p_yes"]]
    labels: list[str] = json.loads(parameters["labels"])
    values, width = outputs["probabilities"], len(labels)
    if len(values) % width:
        raise ModelUnparsable(f"The encoder gave {len(values)} probabilities for rows of {width} labels.")
    rows = [values[start : start + width] for start in range(0, len(values), width)]
    return [dict(zip(labels, row, strict=True)) for row in rows]


def of_task(probabilities: LabelProbabilities, task: Task) -> LabelProbabilities:
    """The probabilities in the task's order and under its names of today. Raises ModelUnparsable for other labels.

    A release that has never learned a label can never answer it, so it is no release of this task.
    """
    today = {task.current(label) or label: p for label, p in probabilities.items()}
    learned = set(today) - {ABSTAIN}
    if learned != set(task.names) or len(today) != len(probabilities):
        raise ModelUnparsable(
            f"The encoder's labels are {listed(probabilities)}, those of the task {task.name} are {listed(task.names)}.",
            hint="Train an encoder with `signalbox train`, or restore the labels in task.yaml.",
        )
    return {label: today[label] for label in task.answers if label in today}


def _release(value: object) -> ModelRelease:
    """A release as the predictor sends it: JSON in a string (protocol parameters are flat) or an object."""
    return _parsed_release(value) if isinstance(value, str) else ModelRelease.model_validate(value)


@lru_cache(maxsize=16)  # each answer names its release, and it is that of the answer before
def _parsed_release(text: str) -> ModelRelease:
    return ModelRelease.model_validate(json.loads(text))
