"""Readiness of the real process, with each upstream down in turn: it stays in its Service and answers with lights."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from benchmarks import stub_upstream
from local import stack
from local.processes import Supervisor, is_answering
from signalbox.settings import Settings
from tests.helpers import RELEASE, free_port
from tests.services.assessor.page_app import TASK, serving

TEXT = "Socio-medical indication for the aid is confirmed."
ENCODER_ANSWER = {
    "model_name": "encoder",
    "parameters": {"release": RELEASE.model_dump_json()},
    "outputs": [
        {"name": "p_yes", "shape": [1], "datatype": "FP64", "data": [0.9]},
        {"name": "verdict", "shape": [1], "datatype": "BYTES", "data": ["yes"]},
    ],
}


async def encoder_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """As much of a predictor as one request needs."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(ENCODER_ANSWER).encode()})


@contextlib.contextmanager
def assessor(tmp_path: Path, down: set[str]) -> Iterator[tuple[httpx2.Client, int]]:
    """A client of the real assessor, and its process id. What is down has an address where nobody listens."""
    ports = {name: free_port() for name in ("assessor", "encoder", "decoder", "store")}
    address = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    settings = Settings(
        task=TASK,
        state_dir=tmp_path,
        assessor_port=ports["assessor"],
        encoder_url=address["encoder"],
        decoder_url=f"{address['decoder']}/v1",
        decoder_model="stub",
        database_url=f"postgresql://u@127.0.0.1:{ports['store']}/x" if "store" in down else None,
    )
    apps = {"encoder": encoder_app, "decoder": stub_upstream.app}
    with contextlib.ExitStack() as context:
        for name, app in apps.items():
            if name not in down:
                context.enter_context(serving(app, ports[name]))  # type: ignore[arg-type]
        supervisor = context.enter_context(Supervisor(settings.logs_dir))
        service = stack.assessor(settings)
        supervisor.start(service)
        supervisor.wait_ready(service)
        client = httpx2.Client(base_url=service.url, trust_env=False, timeout=30)
        yield context.enter_context(client), supervisor.pid(service)


def light(client: httpx2.Client, **more: str) -> tuple[str, str, str]:
    """Route, color and reason."""
    response = client.post("/v1/assess", json={"text": TEXT, "language": "en", **more})
    assert response.status_code == 200, response.text
    (prediction,) = response.json()["predictions"]
    return prediction["route"], prediction["light"]["color"], prediction["light"]["reason"]


@pytest.mark.parametrize("down", [{"encoder"}, {"decoder"}, {"encoder", "decoder"}, {"store"}], ids="-".join)
def test_the_assessor_is_ready_and_answers_whatever_is_down(tmp_path: Path, down: set[str]) -> None:
    with assessor(tmp_path, down) as (client, _):
        ready = client.get("/readyz")
        assert ready.status_code == 200
        upstreams = {name: name not in down for name in ("encoder", "decoder", "store")}
        assert ready.json() == {"ready": True, "upstreams": upstreams}
        page = client.get("/metrics").text
        for name, up in upstreams.items():
            assert f'signalbox_upstream_ready{{upstream="{name}"}} {up:.1f}' in page
        for model in ("encoder", "decoder"):
            route, color, reason = light(client, model=model)
            assert route == model
            # A red light with another reason is an answer, too: the stub's decoder gives no probabilities.
            assert ((color, reason) == ("red", "unavailable")) == (model in down)
        default, _, reason = light(client)
        assert default == ("decoder" if down == {"encoder"} else "encoder")
        assert (reason == "unavailable") == ({"encoder", "decoder"} <= down)
        assert client.get("/").status_code == 200


def test_a_process_that_shuts_down_accepts_no_probe(tmp_path: Path) -> None:
    with assessor(tmp_path, {"encoder", "decoder"}) as (client, pid):
        assert client.get("/readyz").status_code == 200
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while is_answering(f"{client.base_url}/readyz"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
