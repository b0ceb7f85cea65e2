"""Work for clients that leave: it ends, and nothing that is written ends halfway."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from starlette.requests import ClientDisconnect

from services.assessor.app import create_app
from services.assessor.routes import presence as module
from services.assessor.routes.presence import Presence, Presences
from signalbox.contracts.record import Record
from signalbox.models.base import Answer
from signalbox.settings import Settings
from signalbox.store import Store, open_store
from tests.helpers import answering, free_port
from tests.services.assessor.page_app import DECODER, ENCODER, LONG, TableClient, make_app, serving

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
ASSESS = {"text": LONG, "language": "en", "model": "decoder"}
WAIT_SECONDS = 30.0


class Held(TableClient):
    """A decoder that holds one kind of call; it says when one began and when one was canceled."""

    def __init__(self, kind: str) -> None:
        super().__init__(DECODER, reasons=True)
        self.kind, self.began, self.canceled = kind, threading.Event(), threading.Event()

    async def answer(self, text: str, language: str) -> Answer:
        if self.kind == "answer":
            await self.hold()
        return await super().answer(text, language)

    async def stream(self, text: str, language: str) -> AsyncIterator[str | Answer]:
        await self.hold()
        yield await super().answer(text, language)

    async def hold(self) -> None:
        self.began.set()
        try:
            await asyncio.sleep(2 * WAIT_SECONDS)
        finally:
            self.canceled.set()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients are watched almost at once."""
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.01)


def request(path: str, body: bytes, kind: str = JSON) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextmanager
def sent(url: str, data: bytes) -> Iterator[socket.socket]:
    """A connection on which a request was sent; its end is the end of the client."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=WAIT_SECONDS) as client:
        client.sendall(data)
        yield client


def counted(url: str, path: str) -> dict[str, float]:
    """Responses of a path by status."""
    with urlopen(f"{url}/metrics") as page:
        lines = [line for line in page.read().decode().splitlines() if f'path="{path}"' in line]
    rows = [line.rsplit('status="', 1)[1].split('"} ') for line in lines if "requests_total" in line]
    return {status: float(count) for status, count in rows}


def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    pause = threading.Event()
    for _ in range(int(WAIT_SECONDS / 0.02)):
        if holds():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen")


async def stored(folder: Path) -> list[Record]:
    async with open_store(f"sqlite:///{folder / 'signalbox.db'}") as store:
        return await store.records(task="medical")


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/v1/assess", json.dumps(ASSESS), JSON),
        ("/v1/assess", json.dumps(ASSESS), "application/vnd.example+json"),  # by FastAPI's own route
        ("/assess", "text=A.&language=en&model=decoder", FORM),
    ],
)
def test_a_text_that_nobody_waits_for_leaves_the_decoder(
    tmp_path: Path, path: str, body: str, kind: str
) -> None:
    decoder = Held("answer")
    models = {"encoder": TableClient(ENCODER, reasons=False), "decoder": decoder}
    with serving(make_app(tmp_path, models=models), free_port()) as url:
        with sent(url, request(path, body.encode(), kind)):
            assert decoder.began.wait(WAIT_SECONDS)
        assert decoder.canceled.wait(WAIT_SECONDS)
        until(lambda: counted(url, path) == {"499": 1})
    assert asyncio.run(stored(tmp_path)) == []


@pytest.mark.parametrize("path", ["/evidence", "/v1/predictions/{prediction_id}/evidence"])
def test_evidence_that_nobody_waits_for_leaves_the_decoder(tmp_path: Path, path: str) -> None:
    decoder = Held("stream")
    models = {"encoder": TableClient(ENCODER, reasons=False), "decoder": decoder}
    with serving(make_app(tmp_path, models=models), free_port()) as url:
        with sent(url, request("/v1/assess", json.dumps(ASSESS).encode())) as client:
            [prediction] = json.loads(client.recv(65536).partition(b"\r\n\r\n")[2])["predictions"]
        body = f"prediction_id={prediction['id']}".encode() if path == "/evidence" else b""
        with sent(url, request(path.format(prediction_id=prediction["id"]), body, FORM)):
            assert decoder.began.wait(WAIT_SECONDS)
        assert decoder.canceled.wait(WAIT_SECONDS)
        until(lambda: counted(url, path) == {"499": 1})


def test_an_answer_whose_evidence_nobody_waits_for_is_stored(tmp_path: Path) -> None:
    """A request for its label may be in the store already."""
    decoder = Held("stream")
    models = {"encoder": TableClient(ENCODER, reasons=False), "decoder": decoder}
    with serving(make_app(tmp_path, models=models), free_port()) as url:
        body = json.dumps({**ASSESS, "evidence": True}).encode()
        with sent(url, request("/v1/assess", body)):
            assert decoder.began.wait(WAIT_SECONDS)
        assert decoder.canceled.wait(WAIT_SECONDS)
        until(lambda: counted(url, "/v1/assess") == {"499": 1})
    [record] = asyncio.run(stored(tmp_path))
    assert (record.verdict, record.evidence_status) == ("yes", None)


def test_a_record_that_is_being_stored_is_stored_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, began, left = Store.append_many, threading.Event(), threading.Event()

    async def slow(*arguments: Any) -> None:
        began.set()
        await asyncio.to_thread(left.wait)
        await asyncio.sleep(0.2)  # many ticks of the timer
        await append(*arguments)

    monkeypatch.setattr(Store, "append_many", slow)
    with serving(make_app(tmp_path), free_port()) as url:
        with sent(url, request("/v1/assess", json.dumps(ASSESS).encode())):
            assert began.wait(WAIT_SECONDS)
        left.set()
        until(lambda: counted(url, "/v1/assess") == {"200": 1})
        with urlopen(f"{url}/metrics") as page:
            assert 'signalbox_prediction_duration_seconds_count{language="en"' in page.read().decode()
    assert len(asyncio.run(stored(tmp_path))) == 1


@pytest.mark.parametrize("kind", [JSON, "text/event-stream"])
def test_a_chat_that_nobody_waits_for_ends_at_the_model_server(tmp_path: Path, kind: str) -> None:
    began, ended = threading.Event(), threading.Event()

    class Engine(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if kind != JSON:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.end_headers()
            began.set()
            self.rfile.read(1)  # until the assessor closes the connection
            ended.set()

        def log_message(self, *arguments: object) -> None:
            pass

    with answering(Engine) as engine:
        settings = Settings(state_dir=tmp_path, encoder_enabled=False, decoder_url=f"{engine}/v1")
        models: Mapping[str, Any] = {"decoder": TableClient(DECODER, reasons=True)}
        with serving(create_app(settings, clients=models), free_port()) as url:
            with sent(url, request("/v1/chat/completions", b'{"messages": []}')):
                assert began.wait(WAIT_SECONDS)
            assert ended.wait(WAIT_SECONDS)


@pytest.mark.parametrize("together", [False, True])
def test_a_connection_serves_on_after_a_client_was_watched(tmp_path: Path, together: bool) -> None:
    decoder = TableClient(DECODER, reasons=True)
    decoder.pause_seconds = 0.2  # many ticks of the timer
    models = {"encoder": TableClient(ENCODER, reasons=False), "decoder": decoder}
    one = request("/v1/assess", json.dumps(ASSESS).encode())
    with serving(make_app(tmp_path, models=models), free_port()) as url:
        with sent(url, one * 3 if together else one) as client:
            received = client.recv(65536)
            for count in (2, 3):
                if not together:
                    client.sendall(one)
                while received.count(b"HTTP/1.1 200") < count:
                    piece = client.recv(65536)
                    assert piece
                    received += piece
        assert counted(url, "/v1/assess") == {"200": 3}


async def leaves() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def stays() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


async def test_only_a_client_that_left_cancels() -> None:
    with pytest.raises(ClientDisconnect), Presence(Presences(), leaves):
        await asyncio.sleep(WAIT_SECONDS)
    with Presence(Presences(), stays):
        await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) > 1
    await asyncio.sleep(0)  # for the end of the task that watched
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_task_that_was_canceled_for_another_cause_stays_canceled() -> None:
    async def work(receive: Any) -> None:
        with Presence(Presences(), receive):
            await asyncio.sleep(WAIT_SECONDS)

    for receive in (leaves, stays):
        task = asyncio.create_task(work(receive))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()


async def test_a_presence_works_again_in_another_event_loop() -> None:
    presences = Presences()

    async def work() -> None:
        with Presence(presences, stays):
            await asyncio.sleep(0)

    await asyncio.to_thread(asyncio.run, work())  # leaves a timer in a loop that is closed
    with pytest.raises(ClientDisconnect), Presence(presences, leaves):
        await asyncio.sleep(WAIT_SECONDS)
