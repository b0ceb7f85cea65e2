"""Routes that exist, the default among them, and the counters that wake a model server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from services.assessor.app import create_app
from signalbox.settings import Settings
from tests.helpers import free_port
from tests.services.assessor.test_api import Speaker, Table, answer, assess

ONLY = {"encoder": {"decoder_enabled": False}, "decoder": {"encoder_enabled": False}}


def running(tmp_path: Path, **clients: Table) -> TestClient:
    """The API over some models; a decoder that is called through the pass-through does not answer."""
    settings = Settings(
        state_dir=tmp_path,
        encoder_enabled="encoder" in clients,
        decoder_enabled="decoder" in clients,
        decoder_url=f"http://127.0.0.1:{free_port()}/v1",
    )
    return TestClient(create_app(settings, clients=clients))


def metric(client: TestClient, name: str, **labels: str) -> float:
    pairs = ",".join(f'{key}="{value}"' for key, value in labels.items())
    (value,) = re.findall(rf"^{name}{{{pairs}}} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(value)


def failures(client: TestClient, upstream: str, reason: str = "unavailable") -> float:
    return metric(client, "signalbox_upstream_call_failures_total", reason=reason, upstream=upstream)


@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_with_one_model_its_route_is_the_only_one_and_the_default(tmp_path: Path, name: str) -> None:
    with running(tmp_path, **{name: Table("m")}) as client:
        assert assess(client, "0.7")["route"] == name
        assert assess(client, "0.7", model=name)["route"] == name
        assert client.get("/readyz").json()["upstreams"] == {name: True, "store": True}


@pytest.mark.parametrize("route", ["encoder", "decoder", "cascade"])
@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_a_route_that_does_not_exist_is_rejected_with_those_that_do(
    tmp_path: Path, name: str, route: str
) -> None:
    if route == name:
        return
    missing = "decoder" if name == "encoder" else "encoder"
    with running(tmp_path, **{name: Table("m")}) as client:
        body = client.post("/v1/assess", json={"text": "0.7", "language": "en", "model": route})
        assert body.status_code == 422
        problem = body.json()
        assert (problem["field"], problem["value"]) == ("model", f"'{route}'")
        assert problem["detail"] == f"The route `{route}` does not exist: this assessor has no {missing}."
        assert problem["hint"] == f"Choose {name}."


@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_the_page_offers_only_routes_that_exist(tmp_path: Path, name: str) -> None:
    with running(tmp_path, **{name: Table("m")}) as client:
        offered = re.findall(r'name="model" value="(\w+)"', client.get("/").text)
        assert offered == [name]
        fields = {"text": "0.7", "language": "en", "lang": "en"}
        origin = {"origin": "http://testserver"}
        rejected = client.post("/assess", data={**fields, "model": "cascade"}, headers=origin)
        assert rejected.status_code == 422
        assert f"Choose one of: {name.title()}." in rejected.text
        shown = client.post("/assess", data={**fields, "model": name}, headers=origin)
        assert shown.status_code == 200
        assert 'class="error"' not in shown.text


def test_without_a_decoder_its_own_routes_are_not_found(tmp_path: Path) -> None:
    with running(tmp_path, encoder=Table("small")) as client:
        for response in (client.get("/v1/models"), client.post("/v1/chat/completions", json={})):
            assert response.status_code == 404
            assert response.json()["error"]["message"] == (
                "This assessor has no decoder. Send texts to /v1/assess."
            )
        stream = client.post("/v1/assess/stream", json={"text": "0.7", "language": "en"})
        assert stream.status_code == 422
        assert stream.json()["hint"] == "Choose encoder."


@pytest.mark.parametrize(
    ("down", "route"),
    [
        ([], "encoder"),
        (["encoder"], "decoder"),
        (["decoder"], "encoder"),
        (["encoder", "decoder"], "encoder"),
    ],
)
def test_the_default_is_the_first_route_whose_models_answer(
    tmp_path: Path, down: list[str], route: str
) -> None:
    models = {"encoder": Table("small"), "decoder": Table("large")}
    for name in down:
        models[name].up = False
    with running(tmp_path, **models) as client:
        assert assess(client, "0.7")["route"] == route
        checked = re.search(r'value="(\w+)" checked', client.get("/").text)
        assert checked
        assert checked[1] == route


def test_calls_that_fail_are_counted_from_zero_by_model_and_reason(tmp_path: Path) -> None:
    models = {"encoder": Table("small"), "decoder": Table("large")}
    with running(tmp_path, **models) as client:
        assert failures(client, "decoder") == failures(client, "encoder") == 0
        models["decoder"].up = False
        assess(client, "0.7", model="decoder")
        assess(client, "0.7", model="cascade")
        assert (failures(client, "decoder"), failures(client, "encoder")) == (2, 0)
        models["decoder"].up = True
        assess(client, "slow", model="decoder")
        assert (failures(client, "decoder"), failures(client, "decoder", "timeout")) == (2, 1)


def test_the_pass_through_and_streams_count_as_calls(tmp_path: Path) -> None:
    with running(tmp_path, encoder=Table("small"), decoder=Table("large")) as client:
        client.post("/v1/chat/completions", json={"messages": []})
        assert failures(client, "decoder") == 1
        client.app.state.signalbox.assess._clients["decoder"]._client.up = False  # type: ignore[attr-defined]
        client.post("/v1/assess/stream", json={"text": "0.7", "language": "en"})
        assert failures(client, "decoder") == 2


def test_a_call_waits_until_its_answer_is_complete(tmp_path: Path) -> None:
    waiting = []

    class Observed(Speaker):
        async def answer(self, text: str, language: str):  # type: ignore[no-untyped-def]
            waiting.append(gauge(client))
            return answer(0.7)

    def gauge(client: TestClient) -> float:
        metrics = client.app.state.signalbox.metrics  # type: ignore[attr-defined]
        return float(
            metrics.registry.get_sample_value("signalbox_upstream_waiting_calls", {"upstream": "decoder"})
        )

    with running(tmp_path, decoder=Observed()) as client:
        assert gauge(client) == 0
        assess(client, "0.7")
        assert (waiting, gauge(client)) == ([1.0], 0)
