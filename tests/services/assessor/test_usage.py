"""Usage by client: what the API counts in metrics and in the store."""

import asyncio
import json
import re
from datetime import date
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from services.assessor.app import create_app
from services.assessor.metrics import Metrics
from services.assessor.usage.chat_tokens import ChatTokens
from services.assessor.usage.meter import MOST_CLIENTS, Meter
from signalbox import keys
from signalbox.contracts.usage import NO_KEYS, OTHERS, UNKNOWN, Amount, UsageKey
from signalbox.models.base import Answer
from signalbox.settings import Settings
from signalbox.store import StoreUnavailable, open_store
from signalbox.tasks import load_task
from signalbox.usage.energy import Energy
from tests.helpers import answering
from tests.services.assessor.test_api import Table

TASK = load_task(Path("tasks/medical"))


class CountingTable(Table):
    """The table with 100 prompt and 10 completion tokens for each answer."""

    async def answer(self, text: str, language: str) -> Answer:
        answer = await super().answer(text, language)
        return answer.model_copy(update={"prompt_tokens": 100, "completion_tokens": 10})


class Chat(BaseHTTPRequestHandler):
    """A server of chat completions with 7 and 3 tokens, streamed if the request says so."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        usage = {"prompt_tokens": 7, "completion_tokens": 3}
        deltas = [{"choices": [{"delta": {"content": word}}]} for word in ("a", "b")]
        events = [*deltas, {"choices": [], "usage": usage}] if body.get("stream_options") else deltas
        stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        kind, text = "application/json", json.dumps({"choices": [], "usage": usage})
        if body.get("stream"):
            kind, text = "text/event-stream", stream
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments):
        pass


def used(settings: Settings) -> dict[tuple[str, str], Amount]:
    """Stored amounts by client and model, without seconds."""

    async def read():
        async with open_store(settings.store_url) as store:
            return await store.usage.read(date.min, date.max)

    rows = asyncio.run(read())
    assert all(amount.seconds >= 0 for amount in rows.values())
    return {(key.client, key.model): amount._replace(seconds=0) for key, amount in rows.items()}


def series(page: str, name: str) -> dict[str, float]:
    """The samples of a metric, by their labels as text."""
    return {
        labels: float(value) for labels, value in re.findall(rf"^{name}{{(.*)}} (.*)$", page, re.MULTILINE)
    }


@pytest.fixture
def keyed(tmp_path):
    """Settings with a file of two clients, and their keys."""
    entries, reports = keys.add([], "reports")
    entries, claims = keys.add(entries, "claims")
    path = tmp_path / "clients.yaml"
    keys.save(path, entries)
    settings = Settings(
        state_dir=tmp_path / "run", api_keys_file=path, wh_per_1k_tokens=2.0, encoder_watts=36.0
    )
    return settings, {"reports": reports, "claims": claims}


def models() -> dict[str, Table]:
    return {"encoder": Table("small"), "decoder": CountingTable("large")}


def test_each_client_has_its_requests_tokens_and_energy(keyed):
    settings, secrets = keyed
    headers = {name: {"Authorization": f"Bearer {key}"} for name, key in secrets.items()}
    with TestClient(create_app(settings, clients=models())) as api:
        body = {"texts": ["0.7", "0.6", "0.9"], "language": "en", "model": "decoder"}
        api.post("/v1/assess", json=body, headers=headers["reports"])
        api.post("/v1/assess", json={"text": "0.7", "language": "en"}, headers=headers["claims"])
        api.get("/readyz")
        page = api.get("/metrics").text
    assert used(settings)["reports", "decoder"] == Amount(1, 300, 30)
    assert sum(amount.requests for (client, _), amount in used(settings).items() if client == "claims") == 1
    assert series(page, "signalbox_usage_energy_watthours_total")[
        'client="reports",model="decoder"'
    ] == pytest.approx(30 * 2.0 / 1000)
    tokens = series(page, "signalbox_usage_tokens_total")
    assert tokens['client="reports",direction="prompt",model="decoder"'] == 300


def test_all_unknown_keys_are_one_client(keyed):
    settings, _ = keyed
    with TestClient(create_app(settings, clients=models())) as api:
        for number in range(50):
            key = {"Authorization": f"Bearer signalbox_guess{number}"}
            api.post("/v1/assess", json={"text": "0.7", "language": "en"}, headers=key)
        api.post("/v1/assess", json={"text": "0.7", "language": "en"})
        page = api.get("/metrics").text
    assert used(settings) == {(UNKNOWN, ""): Amount(51)}
    assert series(page, "signalbox_usage_requests_total") == {f'client="{UNKNOWN}",model=""': 51}


def test_without_keys_there_is_one_client_and_pages_use_nothing(tmp_path):
    settings = Settings(state_dir=tmp_path)
    with TestClient(create_app(settings, clients=models())) as api:
        api.get("/")
        api.get("/v1/predictions/none")
        assert used(settings) == {}
        form = {"text": "0.7", "language": "en", "model": "encoder"}
        api.post("/assess", data=form)
    assert {client for client, _ in used(settings)} == {NO_KEYS}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Amount(1, 7, 3)),
        ({"stream": True, "stream_options": {"include_usage": True}}, Amount(1, 7, 3)),
        ({"stream": True}, Amount(1, 0, 2)),
    ],
)
def test_a_chat_that_is_passed_through_counts_its_tokens(tmp_path, options, expected):
    with answering(Chat) as url:
        settings = Settings(state_dir=tmp_path, decoder_url=f"{url}/v1")
        with TestClient(create_app(settings, clients=models())) as api:
            assert api.post("/v1/chat/completions", json={"messages": [], **options}).status_code == 200
            api.get("/v1/models")
    assert used(settings) == {(NO_KEYS, "decoder"): expected}


def test_events_cut_anywhere_give_the_same_tokens():
    text = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: {"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n'
    for cut in range(len(text)):
        tokens = ChatTokens(is_stream=True)
        tokens.read(text[:cut])
        tokens.read(text[cut:])
        assert tokens.amount == Amount(0, 5, 2)


@pytest.mark.parametrize(
    "body", [b"", b"no JSON", b"[]", b'{"usage": 3}', b'{"usage": {"prompt_tokens": "x"}}']
)
def test_an_answer_without_usage_counts_no_tokens(body):
    tokens = ChatTokens(is_stream=False)
    tokens.read(body)
    assert tokens.amount == Amount()


def test_an_answer_that_only_a_lenient_parser_reads_counts_its_tokens():
    tokens = ChatTokens(is_stream=False)
    tokens.read(rb'{"choices": [{"text": "\ud83d"}], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}')
    assert tokens.amount == Amount(0, 5, 2)


def test_the_number_of_clients_is_bounded():
    metrics = Metrics(TASK)
    meter = Meter(metrics, Energy())
    for number in range(MOST_CLIENTS + 50):
        meter.add(f"client{number}", {"decoder": Amount(requests=1)})
    requests = series(metrics.page().decode(), "signalbox_usage_requests_total")
    assert len(requests) == MOST_CLIENTS + 1
    assert requests[f'client="{OTHERS}",model="decoder"'] == 50


async def test_usage_waits_while_the_store_is_away(tmp_path):
    meter = Meter(Metrics(TASK), Energy(), today=lambda: date(2026, 11, 30))
    meter.add("reports", {"decoder": Amount(1, 2, 3, 4.0)})
    async with open_store(f"sqlite:///{tmp_path / 'new.db'}") as store:
        closed = open_store(f"sqlite:///{tmp_path}")  # a folder is no database
        with pytest.raises(StoreUnavailable):
            await meter.write(closed)
        meter.add("reports", {"decoder": Amount(1, 2, 3, 4.0)})
        await meter.write(store)
        await meter.write(store)
        rows = await store.usage.read(date(2026, 11, 1), date(2026, 12, 1))
    assert rows == {UsageKey(date(2026, 11, 30), "reports", "decoder"): Amount(2, 4, 6, 8.0)}
