"""Requests that are served ahead of FastAPI: the same answers, errors and counters as by its own routes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.assessor.app import create_app
from services.assessor.assess import Assess
from services.assessor.limits import Limits
from services.assessor.metrics import Metrics
from services.assessor.routes.direct import ROUTES, DirectRoutes
from signalbox.settings import Settings
from signalbox.tasks import load_task
from tests.helpers import answering, free_port
from tests.services.assessor.page_app import TASK
from tests.services.assessor.test_api import Table
from tests.services.assessor.test_routes import metric
from tests.services.assessor.test_usage import Chat

# A media type that only FastAPI's own route reads as JSON.
BY_FASTAPI = {"content-type": "application/vnd.example+json"}
DIRECT = {"content-type": "application/json; charset=utf-8"}
TEXT = '{"text": "0.7", "language": "en", "model": "encoder"}'


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(
        state_dir=tmp_path, max_body_bytes=2000, decoder_url=f"http://127.0.0.1:{free_port()}/v1"
    )
    with TestClient(create_app(settings, clients={"encoder": Table("small")})) as running:
        yield running


def varying(answer: Any) -> Any:
    """A prediction without what differs from request to request."""
    return [
        {name: value for name, value in one.items() if name not in {"id", "latency_seconds"}}
        for one in answer["predictions"]
    ]


def test_every_direct_route_is_in_the_document(client: TestClient) -> None:
    document = client.get("/openapi.json").json()["paths"]
    assert all(method.lower() in document[path] for method, path in ROUTES)


def test_a_prediction_is_the_same_on_both_ways(client: TestClient) -> None:
    direct = client.post("/v1/assess", content=TEXT, headers=DIRECT)
    other = client.post("/v1/assess", content=TEXT, headers=BY_FASTAPI)
    assert direct.status_code == other.status_code == 200
    assert direct.headers["content-type"] == other.headers["content-type"]
    assert varying(direct.json()) == varying(other.json())
    assert list(direct.json()["predictions"][0]) == list(other.json()["predictions"][0])


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '{"text": "0.7"}',
        '{"text": "0.7", "language": "en", "unknown": 1}',
        '{"text": "0.7", "language": "fr"}',
        '{"text": "0.7", "language": "en", "model": "decoder"}',
        '{"text": "\\ud800", "language": "en"}',
        '{"text": "\\u0000", "language": "en", "model": "encoder"}',
        f'{{"text": "{"x" * 3000}", "language": "en"}}',
    ],
)
def test_an_error_is_the_same_on_both_ways(client: TestClient, body: str) -> None:
    direct = client.post("/v1/assess", content=body, headers=DIRECT)
    other = client.post("/v1/assess", content=body, headers=BY_FASTAPI)
    assert direct.status_code >= 400
    assert (direct.status_code, direct.headers["content-type"]) == (
        other.status_code,
        other.headers["content-type"],
    )
    assert direct.json() == other.json()


def test_a_body_without_a_media_type_is_no_json(client: TestClient) -> None:
    response = client.post("/v1/assess", content=TEXT)
    assert response.status_code == 422


def test_both_ways_count_under_the_path_of_the_route(client: TestClient) -> None:
    for headers in (DIRECT, BY_FASTAPI):
        client.post("/v1/assess", content=TEXT, headers=headers)
    labels = {"method": "POST", "path": "/v1/assess", "status": "200"}
    assert metric(client, "signalbox_http_requests_total", **labels) == 2


@pytest.mark.parametrize("headers", [DIRECT, BY_FASTAPI])
def test_a_fault_of_the_program_is_counted(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(Assess, "assess", broken)
    with pytest.raises(RuntimeError):  # for the server's log
        client.post("/v1/assess", content=TEXT, headers=headers)
    labels = {"method": "POST", "path": "/v1/assess", "status": "500"}
    assert metric(client, "signalbox_http_requests_total", **labels) == 1


def test_a_fault_after_the_start_of_a_response_is_counted_once() -> None:
    metrics = Metrics(load_task(TASK))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        raise RuntimeError("a fault")

    async def send(message: Any) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    limits = Limits(app, max_body_bytes=100, metrics=metrics)
    with pytest.raises(RuntimeError):
        asyncio.run(limits(scope, None, send))  # type: ignore[arg-type]
    counted = re.findall(r"^signalbox_http_requests_total{(.*)} (.*)$", metrics.page().decode(), re.MULTILINE)
    assert counted == [('method="GET",path="unmatched",status="200"', "1.0")]


@pytest.mark.parametrize("path", ["/v1/assess", "/v1/chat/completions"])
def test_a_body_over_the_limit_that_comes_in_pieces_is_rejected(client: TestClient, path: str) -> None:
    response = client.post(path, content=iter([b"x" * 1500, b"x" * 1500]), headers=DIRECT)
    assert (response.status_code, response.headers["connection"]) == (413, "close")


def test_a_chat_that_comes_in_pieces_is_passed_through_whole(tmp_path: Path) -> None:
    with answering(Chat) as url:
        settings = Settings(state_dir=tmp_path, decoder_url=f"{url}/v1")
        with TestClient(create_app(settings, clients={"decoder": Table("large")})) as client:
            response = client.post("/v1/chat/completions", content=iter([b'{"messages"', b": []}"]))
    assert (response.status_code, response.json()["usage"]["completion_tokens"]) == (200, 3)


def passed_on(**scope: Any) -> list[str]:
    """The types of messages that the application behind the direct routes gets."""
    received: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received.append((await receive())["type"])

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    request = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": [], **scope}
    asyncio.run(DirectRoutes(app)(request, receive, send))
    return received


def test_a_client_that_leaves_before_the_end_of_its_body_gets_no_answer() -> None:
    assert passed_on() == []


def test_a_traced_request_is_left_to_fastapi() -> None:
    assert passed_on(**{"fastapi.telemetry": object()}) == ["http.disconnect"]


@pytest.mark.parametrize("change", [{"method": "GET"}, {"path": "/v1/models"}, {"type": "websocket"}])
def test_other_requests_are_passed_on(change: dict[str, str]) -> None:
    assert passed_on(**change) == ["http.disconnect"]
