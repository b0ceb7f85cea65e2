"""The command line's client of the assessor: what it sends, and how it shows an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx2
import pytest

from signalbox import assessor_client
from signalbox.assessor_client import assess
from signalbox.errors import InputError, SetupError
from signalbox.settings import Settings
from tests.helpers import answering, free_port

PROBLEM = {
    "type": "/problems/invalid-input",
    "title": "Invalid input",
    "status": 422,
    "detail": "language: got 'fr'.",
    "field": "language",
    "value": "fr",
    "hint": "Task 'medical' knows: de, en.",
}


@contextmanager
def assessor(status: int, body: object) -> Iterator[tuple[Settings, list[tuple[str | None, bytes]]]]:
    """A server that always answers so; with settings that name it, and the key and body of each request."""
    requests: list[tuple[str | None, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            requests.append((self.headers["authorization"], content))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            return

    with answering(Handler) as url:
        yield Settings(assessor_url=url, api_key="a key"), requests


def test_texts_and_key_are_sent_and_predictions_returned() -> None:
    with assessor(200, {"predictions": [{"id": "1"}]}) as (settings, requests):
        assert assess(settings, ["größer \udce4"], "de", "decoder") == [{"id": "1"}]
    ((key, body),) = requests
    assert key == "Bearer a key"
    expected = {"texts": ["größer \udce4"], "language": "de", "model": "decoder", "source": "user"}
    assert json.loads(body) == expected


def test_a_problem_becomes_an_input_error_with_its_detail_and_hint() -> None:
    with assessor(422, PROBLEM) as (settings, _), pytest.raises(InputError) as caught:
        assess(settings, ["x"], "fr", "encoder")
    assert caught.value.message == "language: got 'fr'."
    assert caught.value.hint == "Task 'medical' knows: de, en."
    assert caught.value.field == "language"


@pytest.mark.parametrize(
    ("detail", "message"),
    [("The text is empty.", "texts.0: The text is empty."), ("", "texts.0: got ''.")],
)
def test_a_detail_without_its_field_gets_it(detail: str, message: str) -> None:
    problem = {**PROBLEM, "field": "texts.0", "value": "", "detail": detail}
    with assessor(422, problem) as (settings, _), pytest.raises(InputError) as caught:
        assess(settings, [""], "en", "encoder")
    assert caught.value.message == message


def test_a_missing_key_names_the_variable() -> None:
    with assessor(401, PROBLEM) as (settings, _), pytest.raises(InputError) as caught:
        assess(settings, ["x"], "en", "encoder")
    assert "SIGNALBOX_API_KEY" in caught.value.hint


def test_a_problem_of_the_service_is_no_wrong_input() -> None:
    problem = {**PROBLEM, "status": 503, "detail": "Internal error."}
    with assessor(503, problem) as (settings, _), pytest.raises(SetupError) as caught:
        assess(settings, ["x"], "en", "encoder")
    assert caught.value.message.endswith("cannot answer: Internal error.")


@pytest.mark.parametrize("body", [{"error": "no"}, [], "text", {"field": 1}])
def test_an_error_of_another_form_is_not_the_assessors(body: object) -> None:
    with assessor(400, body) as (settings, _), pytest.raises(SetupError, match="not a Signalbox assessor"):
        assess(settings, ["x"], "en", "encoder")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}", "no url", "http://[::1", "https://127.0.0.1:{port}"]
)
def test_an_address_without_a_server_has_a_hint(url: str) -> None:
    settings = Settings(assessor_url=url.format(port=free_port()))
    with pytest.raises(SetupError, match="does not answer") as caught:
        assess(settings, ["x"], "en", "encoder")
    assert "signalbox serve" in caught.value.hint


def test_a_job_waits_for_an_assessor_that_is_reached_later(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = f"http://127.0.0.1:{free_port()}"
    with assessor(200, {"predictions": [{"id": "1"}]}) as (settings, requests):
        reached, addresses = settings.assessor_base_url, iter([refused, refused])
        request = httpx2.Client.request

        def first_refused(client: httpx2.Client, method: str, url: str, **options: object) -> httpx2.Response:
            return request(client, method, url.replace(reached, next(addresses, reached)), **options)  # type: ignore[arg-type]

        monkeypatch.setattr(httpx2.Client, "request", first_refused)
        monkeypatch.setattr(assessor_client, "PAUSE_SECONDS", 0.0)
        with pytest.raises(SetupError, match="does not answer"):
            assess(settings, ["a"], "en", "encoder")
        waiting = settings.model_copy(update={"server_wait_seconds": 600.0})
        assert assess(waiting, ["a"], "en", "encoder") == [{"id": "1"}]
    assert len(requests) == 1


def test_our_own_servers_are_reached_without_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with assessor(200, {"predictions": []}) as (settings, _):
        assert assess(settings, ["x"], "en", "encoder") == []
