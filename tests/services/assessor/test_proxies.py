"""A proxy of the environment: decoders and encoders outside the cluster are called through it, all others are not."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from benchmarks import stub_upstream
from services.assessor.app import create_app
from signalbox.settings import Settings
from tests.helpers import answering, free_port, say_json
from tests.services.assessor.page_app import TASK, serving
from tests.services.assessor.test_readiness import ENCODER_ANSWER, encoder_app

# As charts write it for a release in the namespace `signalbox`.
NO_PROXY = "localhost,127.0.0.1,::1,.svc,.svc.cluster.local,.signalbox,model-server,assessor-encoder"
TEXT = "Socio-medical indication for the aid is confirmed."
# The stub's decoder answers without probabilities; no answer at all is `unavailable`.
ANSWERED = {"decoder": "unparsable", "encoder": "uncalibrated"}
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@contextlib.contextmanager
def proxy(monkeypatch: pytest.MonkeyPatch, no_proxy: str | None = NO_PROXY) -> Iterator[list[str]]:
    """A proxy that answers for the servers behind it, in the environment; lists the URLs that it was asked for."""
    urls: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def answer(self) -> None:
            urls.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            _, _, path = self.path.partition("example.org")
            say_json(self, json.loads(stub_upstream._BODIES.get(path, json.dumps(ENCODER_ANSWER))))

        do_GET = do_POST = answer  # noqa: N815 - names of the base class

        def log_message(self, *_: Any) -> None:
            return None

    with answering(Proxy) as address:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, address)
        if no_proxy:
            for name in ("no_proxy", "NO_PROXY"):
                monkeypatch.setenv(name, no_proxy)
        yield urls


def assessor(tmp_path: Path, **addresses: str) -> TestClient:
    return TestClient(create_app(Settings(task=TASK, state_dir=tmp_path, decoder_model="stub", **addresses)))


def reason(client: TestClient, route: str) -> str:
    body = {"text": TEXT, "language": "en", "model": route}
    (prediction,) = client.post("/v1/assess", json=body).json()["predictions"]
    return str(prediction["light"]["reason"])


def test_servers_outside_the_cluster_are_called_through_the_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = {
        "decoder_url": "http://decoder.example.org/v1",
        "encoder_url": "http://encoder.example.org",
    }
    with proxy(monkeypatch) as urls, assessor(tmp_path, **addresses) as client:
        assert {route: reason(client, route) for route in ANSWERED} == ANSWERED
        assert urls.count("http://decoder.example.org/v1/chat/completions") == 1
        assert urls.count("http://encoder.example.org/v2/models/encoder/infer") == 1
        assert client.post("/v1/chat/completions", json={"messages": []}).status_code == 200
        assert urls.count("http://decoder.example.org/v1/chat/completions") == 2


@pytest.mark.parametrize(
    ("decoder", "encoder"),
    [
        ("model-server", "assessor-encoder"),
        ("model-server.signalbox", "assessor-encoder.signalbox"),
        ("model-server.models.svc", "assessor-encoder.signalbox.svc"),
        ("model-server.models.svc.cluster.local", "assessor-encoder.signalbox.svc.cluster.local"),
    ],
)
def test_names_of_the_cluster_are_never_asked_of_the_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: str, encoder: str
) -> None:
    """They do not resolve here, so that the answers are red."""
    addresses = {"decoder_url": f"http://{decoder}/v1", "encoder_url": f"http://{encoder}"}
    with proxy(monkeypatch) as urls, assessor(tmp_path, **addresses) as client:
        assert reason(client, "decoder") == reason(client, "encoder") == "unavailable"
        assert client.post("/v1/chat/completions", json={"messages": []}).status_code == 502
        assert urls == []


def test_loopback_is_reached_without_the_proxy_even_if_no_proxy_is_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.ExitStack() as stack:
        decoder = stack.enter_context(serving(stub_upstream.app, free_port()))  # type: ignore[arg-type]
        encoder = stack.enter_context(serving(encoder_app, free_port()))  # type: ignore[arg-type]
        urls = stack.enter_context(proxy(monkeypatch, no_proxy=None))
        client = stack.enter_context(assessor(tmp_path, decoder_url=f"{decoder}/v1", encoder_url=encoder))
        assert {route: reason(client, route) for route in ANSWERED} == ANSWERED
        assert client.post("/v1/chat/completions", json={"messages": []}).status_code == 200
        assert urls == []
