"""Answers that are shown red to get a label: once a text, with their chance, and without a trace of the verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from services.assessor.app import create_app
from services.assessor.metrics import Metrics
from services.assessor.review.fake_red import FakeRed
from signalbox import thresholds
from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.record import Record
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import load_task
from tests.helpers import record
from tests.services.assessor.page_app import CUTS, DECODER, ENCODER, SURE, SURE_DE, TASK, UNSURE, clients


def _app(state_dir: Path, models: Any = None, **changes: Any) -> FastAPI:
    settings = Settings(task=TASK, state_dir=state_dir, initial_phase=True, **changes)
    for release in (ENCODER, DECODER):
        file = thresholds.ThresholdFile(task="medical", release=release, languages={"en": CUTS, "de": CUTS})
        thresholds.save(settings.thresholds_dir, file)
    return create_app(settings, clients=models or clients())


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(_app(tmp_path)) as client:
        yield client


def _assess(client: TestClient, text: str = SURE, **body: Any) -> Any:
    request = {"text": text, "language": "en", "model": "encoder", **body}
    return client.post("/v1/assess", json=request).json()["predictions"][0]


def _stored(state_dir: Path) -> list[Record]:
    async def read() -> list[Record]:
        async with open_store(f"sqlite:///{state_dir / 'signalbox.db'}") as store:
            return await store.records(newest_first=False)

    return asyncio.run(read())


def test_the_verdict_appears_after_the_answer(client: TestClient, tmp_path: Path) -> None:
    red = _assess(client)
    assert (red["light"]["color"], red["light"]["reason"]) == ("red", "requested")
    withheld = ("verdict", "word", "probabilities", "score", "p_yes", "verdict_mass", "justification")
    assert [red[name] for name in withheld] == [None] * len(withheld)
    assert client.get(f"/v1/predictions/{red['id']}").json()["verdict"] is None
    client.post("/v1/feedback", json={"prediction_id": red["id"], "label": "no"})
    shown = client.get(f"/v1/predictions/{red['id']}").json()
    assert (shown["verdict"], shown["light"]["color"]) == ("yes", "yellow")
    (row,) = _stored(tmp_path)
    assert (row.asked, row.propensity, row.light_reason) == (True, 1.0, LightReason.REQUESTED)
    assert row.asked_at is not None


def test_a_text_is_never_requested_twice(client: TestClient, tmp_path: Path) -> None:
    first, second = _assess(client), _assess(client)
    assert (first["light"]["reason"], second["light"]["reason"]) == ("requested", "provisional")
    assert [row.propensity for row in _stored(tmp_path)] == [1.0, 0.0]


def test_equal_texts_of_one_request_are_requested_once(client: TestClient) -> None:
    body = {"texts": [SURE, SURE], "language": "en", "model": "encoder"}
    rows = client.post("/v1/assess", json=body).json()["predictions"]
    assert [row["light"]["reason"] for row in rows] == ["requested", "provisional"]


def test_neither_unsure_answers_nor_evaluations_are_requested(client: TestClient, tmp_path: Path) -> None:
    assert _assess(client, UNSURE)["light"]["reason"] == "unsure"
    assert _assess(client, source="evaluation")["light"]["reason"] == "provisional"
    assert [row.propensity for row in _stored(tmp_path)] == [None, None]


def test_a_stream_leaks_no_word(client: TestClient) -> None:
    stream = client.post("/v1/assess/stream", json={"text": SURE, "language": "en"}).text
    assert "event: delta" not in stream
    assert '"requested"' in stream
    assert "Indication" not in stream
    assert '"verdict":null' in stream


@pytest.mark.parametrize("model", ["encoder", "decoder"])
def test_evidence_is_withheld_until_the_answer(tmp_path: Path, model: str) -> None:
    models = clients()
    with TestClient(_app(tmp_path, models=models)) as client:
        red = _assess(client, model=model, evidence=True)
        url = f"/v1/predictions/{red['id']}/evidence"
        for shown in (red, client.post(url).json(), client.get(f"/v1/predictions/{red['id']}").json()):
            assert (shown["evidence"]["status"], shown["evidence"]["parts"]) == ("withheld", [])
        assert len(models[model].asked) == 1
        client.post("/v1/feedback", json={"prediction_id": red["id"], "label": "no"})
        assert client.get(f"/v1/predictions/{red['id']}").json()["evidence"] is None
        later = client.post(url).json()
    assert (later["verdict"], later["evidence"]["status"]) == ("yes", "measured")
    assert later["evidence"]["parts"]
    (row,) = _stored(tmp_path)
    assert row.evidence == ()


def test_a_stream_leaks_no_evidence(client: TestClient) -> None:
    stream = client.post("/v1/assess/stream", json={"text": SURE, "language": "en", "evidence": True}).text
    assert '"requested"' in stream
    assert '"status":"withheld"' in stream
    assert '"parts":[]' in stream


def test_the_page_offers_evidence_after_the_answer_only(client: TestClient) -> None:
    page = client.post("/assess", data={"text": SURE, "language": "en", "model": "decoder", "lang": "en"})
    answer_id = str(page.url).split("answer=")[1].split("&")[0].split("#")[0]
    early = client.post("/evidence", data={"prediction_id": answer_id, "lang": "en"})
    for html in (page.text, early.text):
        assert 'action="evidence"' not in html
        assert "<mark" not in html
    answered = client.post("/feedback", data={"prediction_id": answer_id, "label": "yes"})
    assert 'action="evidence"' in answered.text
    measured = client.post("/evidence", data={"prediction_id": answer_id, "lang": "en"})
    assert "<mark" in measured.text


@pytest.mark.parametrize(
    ("text", "language", "sentence"),
    [
        (SURE, "en", "Please judge this one yourself."),
        (SURE_DE, "de", "Bitte beurteilen Sie diesen Text selbst."),
    ],
)
def test_the_page_asks_and_then_shows_the_verdict(
    client: TestClient, text: str, language: str, sentence: str
) -> None:
    form = {"text": text, "language": language, "model": "encoder", "lang": language}
    page = client.post("/assess", data=form)
    assert sentence in page.text
    assert "0.9" not in page.text
    assert 'class="verdict' not in page.text
    answer_id = str(page.url).split("answer=")[1].split("&")[0].split("#")[0]
    answered = client.post("/feedback", data={"prediction_id": answer_id, "label": "yes"})
    assert sentence not in answered.text
    assert 'class="verdict' in answered.text


def _fake_red(tmp_path: Path, **changes: Any) -> tuple[FakeRed, Any]:
    task = load_task(TASK)
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    return FakeRed(task, store, Metrics(task), **{"initial_phase": False, **changes}), store


def _green(number: int) -> Record:
    return record(f"text {number}", light=Light.GREEN, light_reason=LightReason.CERTIFIED)


async def test_in_production_a_share_of_green_answers_is_requested_with_its_chance(tmp_path: Path) -> None:
    fake_red, store = _fake_red(tmp_path)
    async with store:
        rows = await fake_red.apply([_green(number) for number in range(2000)])
    assert {row.propensity for row in rows} == {0.05}
    asked = [row for row in rows if row.asked]
    # Binomial(2000, 0.05) within 5 standard deviations.
    assert 51 <= len(asked) <= 149
    assert {(row.light, row.light_reason) for row in asked} == {(Light.RED, LightReason.REQUESTED)}


async def test_yellow_answers_are_left_alone_in_production(tmp_path: Path) -> None:
    fake_red, store = _fake_red(tmp_path)
    yellow = record()
    async with store:
        assert await fake_red.apply([yellow]) == [yellow]


async def test_without_the_database_nobody_is_asked_and_no_chance_is_stated() -> None:
    task = load_task(TASK)
    store = open_store("postgresql://signalbox@127.0.0.1:1/nowhere")
    fake_red = FakeRed(task, store, Metrics(task), initial_phase=False)
    drawn = [row for row in map(_green, range(200)) if fake_red.is_drawn(row)]
    assert drawn
    rows = await fake_red.apply(drawn)
    assert [(row.asked, row.propensity, row.light) for row in rows] == [(False, None, Light.GREEN)] * len(
        rows
    )
