"""The pass-through and a model server that breaks off, or stops, within an answer."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.assessor.app import create_app
from signalbox.settings import Settings
from tests.helpers import answering
from tests.services.assessor.test_api import Table
from tests.services.assessor.test_routes import failures

JSON, EVENTS = "application/json", "text/event-stream"
REASONS = ("unavailable", "timeout", "rejected")


class Breaking(BaseHTTPRequestHandler):
    """Sends the first of 100 bytes and, once `end` is set, closes the connection."""

    status, kind, end = 200, JSON, threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"{")
        self.end.wait()

    def log_message(self, *arguments: object) -> None:
        pass


def answered(tmp_path: Path, status: int, kind: str, *, holds: bool = False) -> tuple[Any, dict[str, float]]:
    """The response to a chat, and the failures that were counted."""
    end = threading.Event()
    if not holds:
        end.set()
    handler: Any = type("One", (Breaking,), {"status": status, "kind": kind, "end": end})
    with answering(handler) as url:
        settings = Settings(
            state_dir=tmp_path, decoder_url=f"{url}/v1", decoder_timeout_seconds=0.5 if holds else 60
        )
        models: Any = {"decoder": Table("large")}
        with TestClient(create_app(settings, clients=models)) as client:
            response = client.post("/v1/chat/completions", json={"messages": []})
            counted = {reason: failures(client, "decoder", reason) for reason in REASONS}
        end.set()
    return response, {reason: count for reason, count in counted.items() if count}


@pytest.mark.parametrize(
    ("status", "expected", "reason"),
    [(200, 502, "unavailable"), (500, 502, "unavailable"), (429, 429, "rejected")],
)
def test_an_answer_that_breaks_off_is_an_error_of_the_model_server(
    tmp_path: Path, status: int, expected: int, reason: str
) -> None:
    response, counted = answered(tmp_path, status, JSON)
    assert response.status_code == expected
    assert response.json()["error"]["code"] == "upstream"
    assert counted == {reason: 1}


def test_an_answer_that_stops_is_counted_as_a_timeout(tmp_path: Path) -> None:
    response, counted = answered(tmp_path, 200, JSON, holds=True)
    assert (response.status_code, counted) == (502, {"timeout": 1})


@pytest.mark.parametrize(("holds", "reason"), [(False, "unavailable"), (True, "timeout")])
def test_a_stream_that_breaks_off_ends_with_an_error_and_is_counted(
    tmp_path: Path, holds: bool, reason: str
) -> None:
    response, counted = answered(tmp_path, 200, EVENTS, holds=holds)
    assert (response.status_code, counted) == (200, {reason: 1})
    assert '"code":"upstream"' in response.text


def test_the_body_of_an_error_is_not_waited_for(tmp_path: Path) -> None:
    response, counted = answered(tmp_path, 500, JSON, holds=True)
    assert (response.status_code, counted) == (502, {"unavailable": 1})
