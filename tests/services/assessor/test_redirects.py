"""A model server cannot send texts, keys or one client's cookie elsewhere."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.assessor.app import create_app
from signalbox.settings import Settings
from tests.helpers import answering
from tests.services.assessor.test_api import Table

CHAT = {"messages": [{"role": "user", "content": "secret"}]}


class Server(BaseHTTPRequestHandler):
    """Answers every request with `status` and `headers`, and keeps its path and cookies."""

    status, headers_to_send, seen = 200, {}, []

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.path, self.headers.get("Cookie")))
        self.send_response(self.status)
        for name, value in self.headers_to_send.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *arguments: object) -> None:
        pass


def server(status: int = 200, **headers: str) -> Any:
    return type("One", (Server,), {"status": status, "headers_to_send": headers, "seen": []})


def assessor(tmp_path: Path, url: str) -> TestClient:
    settings = Settings(state_dir=tmp_path, decoder_url=f"{url}/v1")
    return TestClient(create_app(settings, clients={"decoder": Table("large")}))


def _named(url: str) -> str:
    """The address with a name: no client keeps cookies of an address with a number."""
    return url.replace("127.0.0.1", "localhost")


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_of_the_model_server_is_an_error(tmp_path: Path, status: int) -> None:
    elsewhere = server()
    with (
        answering(elsewhere) as other,
        answering(server(status, Location=f"{other}/x")) as url,
        assessor(tmp_path, url) as client,
    ):
        response = client.post("/v1/chat/completions", json=CHAT)
    assert response.status_code == 502
    assert f"HTTP {status}" in response.text
    assert elsewhere.seen == []


def test_a_cookie_of_the_model_server_reaches_no_other_request(tmp_path: Path) -> None:
    model = server(**{"Set-Cookie": "session=first"})
    with answering(model) as url, assessor(tmp_path, _named(url)) as client:
        for _ in range(2):
            assert client.post("/v1/chat/completions", json=CHAT).status_code == 200
            client.cookies.clear()
    assert [cookie for path, cookie in model.seen if path == "/v1/chat/completions"] == [None, None]
