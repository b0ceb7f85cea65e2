"""What breaks on one machine, with the real processes: nobody is answered falsely and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from local import stack
from local.processes import Service
from signalbox.contracts.light import Light, LightReason
from signalbox.settings import Settings
from signalbox.store import open_store
from tests.e2e.conftest import Running, running

pytestmark = pytest.mark.slow

QUESTION = "Say yes and count."  # another text makes the small model count without a verdict
WAIT_SECONDS = 60
FAILURES = ("unavailable", "timeout", "rejected", "unparsable")


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that keeps no connection: the servers behind an address are killed and started again."""
    connector, timeout = aiohttp.TCPConnector(force_close=True), aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that a background task brings about."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await holds():
            await asyncio.sleep(0.1)


async def assess(http: aiohttp.ClientSession, url: str, text: str, model: str = "encoder") -> dict[str, Any]:
    """One prediction, asked for in German: English is the language with the long answers."""
    body = {"text": text, "language": "de", "model": model}
    async with http.post(f"{url}/v1/assess", json=body) as answer:
        answer.raise_for_status()
        (prediction,) = (await answer.json())["predictions"]
        return dict(prediction)


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    kind = ""
    async for line in answer.content:
        name, _, value = line.decode().strip().partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)


async def readiness(http: aiohttp.ClientSession, url: str) -> tuple[int, dict[str, bool]]:
    async with http.get(f"{url}/readyz") as answer:
        return answer.status, (await answer.json())["upstreams"]


async def metric(http: aiohttp.ClientSession, url: str, name: str) -> float:
    async with http.get(f"{url}/metrics") as answer:
        found = re.search(rf"^{name} (\S+)$", await answer.text(), re.MULTILINE)
    assert found, name
    return float(found[1])


async def test_a_decoder_killed_in_the_middle_of_a_streamed_answer(
    http: aiohttp.ClientSession,
    settings: Settings,
    encoder: Running,
    decoder: Running,
    decoder_service: Service,
) -> None:
    with running(stack.assessor(settings), settings.logs_dir) as assessor:
        body = {"text": QUESTION, "language": "en"}
        words: list[str] = []
        async with http.post(f"{assessor.url}/v1/assess/stream", json=body) as answer:
            async for kind, event in events(answer):
                if kind == "delta":
                    words.append(event["text"])
                    if len(words) == 20:
                        os.kill(decoder.pid, signal.SIGKILL)
                else:
                    last_kind, last = kind, event
        assert len(words) >= 20
        assert last_kind == "prediction"
        assert (last["light"]["color"], last["light"]["reason"]) == ("red", "unavailable")
        assert last["light"]["text"] == "The model server is unreachable or closed the connection."
        assert (last["verdict"], last["p_yes"], last["justification"]) == (None, None, None)

        async with http.get(f"{assessor.url}/v1/predictions/{last['id']}") as answer:
            assert await answer.json() == last
        async with open_store(settings.store_url) as store:
            record = await store.get(last["id"])
        assert record is not None
        assert (record.light, record.light_reason) == (Light.RED, LightReason.UNAVAILABLE)
        assert (record.input_text, record.route) == (QUESTION, "decoder")
        assert record.error

        async def is_known_as_down() -> bool:
            status, upstreams = await readiness(http, assessor.url)
            assert status == 200  # readiness is that of the assessor itself
            return upstreams == {"encoder": True, "decoder": False, "store": True}

        async def all_answer() -> bool:
            status, upstreams = await readiness(http, assessor.url)
            assert status == 200
            return all(upstreams.values())

        await until(is_known_as_down)
        assert (await assess(http, assessor.url, QUESTION, "decoder"))["light"]["reason"] == "unavailable"
        assert (await assess(http, assessor.url, QUESTION, "encoder"))["verdict"] in ("yes", "no")
        with running(decoder_service, settings.logs_dir):
            await until(all_answer)
            again = await assess(http, assessor.url, QUESTION, "decoder")
        # How sure so small a model is does not matter here: it answered.
        assert again["light"]["reason"] not in FAILURES, again["light"]
        assert again["release"]["engine"] == "llama.cpp"


async def test_an_assessor_killed_in_the_middle_of_1000_appends(
    http: aiohttp.ClientSession, settings: Settings, encoder: Running, decoder: Running
) -> None:
    """Eight clients append predictions and ground truth; what was acknowledged is there after the restart."""
    predictions: list[str] = []
    feedback: list[tuple[str, str]] = []
    waiting = iter(range(1000))

    async def client(url: str, pid: int) -> None:
        for number in waiting:
            made = await assess(http, url, f"Sentence number {number} about the aid.")
            predictions.append(made["id"])
            if number % 5 == 0:
                given = {"prediction_id": made["id"], "label": "yes"}
                async with http.post(f"{url}/v1/feedback", json=given) as answer:
                    feedback.append((made["id"], (await answer.json())["id"]))
            if len(predictions) == 300:
                os.kill(pid, signal.SIGKILL)

    with running(stack.assessor(settings), settings.logs_dir) as assessor:
        clients = (client(assessor.url, assessor.pid) for _ in range(8))
        ends = await asyncio.gather(*clients, return_exceptions=True)
    assert all(isinstance(end, aiohttp.ClientError) for end in ends), ends
    assert 300 <= len(predictions) < 1000
    assert feedback

    with running(stack.assessor(settings), settings.logs_dir) as assessor:

        async def nothing_is_spooled() -> bool:
            return await metric(http, assessor.url, "signalbox_store_spooled_rows") == 0

        await until(nothing_is_spooled)
        for known in predictions[-20:]:
            async with http.get(f"{assessor.url}/v1/predictions/{known}") as answer:
                assert answer.status == 200
        async with open_store(settings.store_url) as store:
            kept = {record.id for record in await store.records()}
            given = {row.id for known, _ in feedback for row in await store.feedback_for(known)}
    assert set(predictions) <= kept
    assert {feedback_id for _, feedback_id in feedback} <= given


async def test_answers_go_on_without_the_database(
    http: aiohttp.ClientSession, settings: Settings, encoder: Running, decoder: Running, postgres: Any
) -> None:
    """Postgres goes away; then the assessor is killed, too, with rows in its spool."""
    url = postgres.create("e2e")
    settings = settings.model_copy(update={"database_url": url})
    away = False
    try:
        with running(stack.assessor(settings), settings.logs_dir) as assessor:
            before = await assess(http, assessor.url, "Before.")
            postgres.stop()
            away = True
            during = [await assess(http, assessor.url, f"During {i}.") for i in range(5)]
            assert all(made["verdict"] in ("yes", "no") for made in during)
            for made in during:
                async with http.get(f"{assessor.url}/v1/predictions/{made['id']}") as answer:
                    assert await answer.json() == made
            given = {"prediction_id": during[0]["id"], "label": "no"}
            async with http.post(f"{assessor.url}/v1/feedback", json=given) as answer:
                assert answer.status == 201

            async def all_rows_are_told() -> bool:
                return await metric(http, assessor.url, "signalbox_store_spooled_rows") == 6

            await until(all_rows_are_told)
            assert await metric(http, assessor.url, "signalbox_store_write_failures_total") == 1
            status, upstreams = await readiness(http, assessor.url)
            assert (status, upstreams["store"]) == (200, False)
            os.kill(assessor.pid, signal.SIGKILL)

        with running(stack.assessor(settings), settings.logs_dir) as assessor:
            after = await assess(http, assessor.url, "After the restart, still without it.")
            postgres.start()
            away = False

            async def is_replayed() -> bool:
                return await metric(http, assessor.url, "signalbox_store_spooled_rows") == 0

            await until(is_replayed)
            assert (await readiness(http, assessor.url))[0] == 200
    finally:
        if away:
            postgres.start()
    async with open_store(url) as store:
        kept = {record.id for record in await store.records()}
        labels = [row.label for row in await store.feedback_for(during[0]["id"])]
    assert {made["id"] for made in (before, *during, after)} <= kept
    assert labels == ["no"]


UNKNOWN = "11111111-1111-1111-1111-111111111111"
WRONG: tuple[tuple[str, str, bytes, int, str], ...] = (
    ("1,000 texts", "/v1/assess", json.dumps({"texts": ["A."] * 1000, "language": "en"}).encode(), 422, "at most 64"),
    ("1 MB", "/v1/assess", json.dumps({"text": "x" * 1_000_000, "language": "en"}).encode(), 413, "262144 bytes"),
    ("a long text", "/v1/assess", json.dumps({"text": "x" * 4001, "language": "en"}).encode(), 422, "4000"),
    ("not UTF-8", "/v1/assess", b'{"text": "Ma\xdfnahme", "language": "de"}', 400, "UTF-8"),
    ("not JSON", "/v1/assess", b"{text: A.}", 400, "JSON"),
    ("nothing", "/v1/assess", b"", 422, "body"),
    ("empty text", "/v1/assess", b'{"text": "", "language": "en"}', 422, "text"),
    ("blank text", "/v1/assess", b'{"text": " \\n ", "language": "en"}', 422, "text"),
    ("half a character", "/v1/assess", b'{"text": "\\ud800", "language": "en"}', 422, "text"),
    ("NUL", "/v1/assess", b'{"text": "a\\u0000b", "language": "en"}', 422, "NUL"),
    ("unknown model", "/v1/assess", b'{"text": "A.", "language": "en", "model": "oracle"}', 422, "cascade"),
    ("unknown language", "/v1/assess", b'{"text": "A.", "language": "fr"}', 422, "de, en"),
    ("two to stream", "/v1/assess/stream", b'{"texts": ["A.", "B."], "language": "en"}', 422, "one text"),
    ("unknown id", "/v1/feedback", json.dumps({"prediction_id": UNKNOWN, "label": "yes"}).encode(), 404, UNKNOWN),
    ("no id", "/v1/feedback", b'{"prediction_id": "a\\u0000b", "label": "yes"}', 404, "prediction_id"),
    ("unknown label", "/v1/feedback", json.dumps({"prediction_id": UNKNOWN, "label": "maybe"}).encode(), 422, "label"),
)  # fmt: skip


async def test_wrong_input_names_field_value_and_hint(
    http: aiohttp.ClientSession, settings: Settings, encoder: Running, decoder: Running
) -> None:
    with running(stack.assessor(settings), settings.logs_dir) as assessor:
        for name, path, body, status, words in WRONG:
            headers = {"content-type": "application/json"}
            async with http.post(assessor.url + path, data=body, headers=headers) as answer:
                text = await answer.text()
                assert answer.status == status, (name, text)
                assert answer.content_type == "application/problem+json", name
            problem = json.loads(text)
            assert set(problem) == {"type", "title", "status", "detail", "field", "value", "hint"}, name
            assert problem["status"] == status, name
            assert problem["field"], name
            assert problem["detail"].endswith("."), (name, problem)
            assert problem["hint"].endswith("."), (name, problem)
            assert words in text, (name, problem)
            assert len(text) < 1000, name
        async with http.get(f"{assessor.url}/v1/predictions/{UNKNOWN}") as answer:
            assert answer.status == 404
        assert (await assess(http, assessor.url, "Still there."))["verdict"] in ("yes", "no")


async def test_no_log_holds_a_text_or_a_secret(
    http: aiohttp.ClientSession, settings: Settings, encoder: Running, decoder: Running, postgres: Any
) -> None:
    """Right and wrong requests to all three services; a database that is away; a decoder that refuses."""
    text, key = "Zanzibar is indicated.", "sesame-0815"
    changes = {"decoder_api_key": key, "database_url": "postgresql://u:sesame-0816@127.0.0.1:1/none"}
    guarded = Settings(**{**settings.model_dump(exclude_defaults=True), **changes})
    with running(stack.assessor(guarded), settings.logs_dir) as assessor:
        assert as_seen_by(assessor.pid, key)
        for model in ("encoder", "decoder", "cascade"):
            made = await assess(http, assessor.url, text, model)
        given = {"prediction_id": made["id"], "label": "yes", "comment": text}
        async with http.post(f"{assessor.url}/v1/feedback", json=given) as answer:
            assert answer.status == 201
        for url, body in (
            (f"{assessor.url}/v1/assess", {"text": text, "language": "fr"}),
            (f"{assessor.url}/v1/assess", {"text": text, "language": "en", "model": text}),
            (f"{assessor.url}/v1/chat/completions", {"messages": [{"role": text, "content": text}]}),
            (f"{encoder.url}/v1/models/encoder:predict", {"instances": [{"text": text * 2000}]}),
            (f"{encoder.url}/v1/models/encoder:predict", {"instances": [{"text": text}, {"text": "\ud800"}]}),
            (f"{encoder.url}/v1/models/encoder:predict", {"instances": [{"text": text}]}),
        ):
            async with http.post(url, json=body) as answer:
                assert answer.status < 500, (url, await answer.text())
        os.kill(decoder.pid, signal.SIGKILL)
        assert (await assess(http, assessor.url, text, "decoder"))["light"]["color"] == "red"
        logs = {
            path.name: path.read_text(encoding="utf-8") for path in (assessor.log, encoder.log, decoder.log)
        }
    assert "store unavailable; spooling rows" in logs["assessor.log"]
    assert "no answer" in logs["assessor.log"]
    for name, log in logs.items():
        for secret in ("Zanzibar", "sesame"):
            assert secret not in log, name


def as_seen_by(pid: int, value: str) -> bool:
    """Whether a process was given a value, so that a log without it proves something."""
    with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - not a file of ours
        return value.encode() in file.read()
