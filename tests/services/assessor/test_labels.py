"""A task with three labels through the API and the page, and records whose label was renamed or removed since."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from services.assessor.app import create_app
from services.assessor.web.labels import Bar, folded, runner_up
from services.assessor.web.language import Texts
from signalbox import thresholds
from signalbox.contracts.labels import ABSTAIN, ranking
from signalbox.contracts.record import ModelRelease
from signalbox.models.base import Answer
from signalbox.settings import Settings
from signalbox.thresholds import Thresholds, VerdictCuts

RELEASE = ModelRelease(name="small", revision="1", engine="table", quantization="none")
NAMES = ("Netz/Intranet", "Größe", "חירום")
SAME_ORIGIN = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}


class Model:
    """Answers a text of three numbers with these probabilities."""

    async def release(self) -> ModelRelease:
        return RELEASE

    async def ready(self) -> bool:
        return True

    async def answer(self, text: str, language: str) -> Answer:
        row = dict(zip(NAMES, map(float, text.split()), strict=True))
        return Answer(release=RELEASE, stated=ranking(row)[0], probabilities=row, latency_seconds=0.0)

    async def answer_many(self, texts: list[str], language: str) -> list[Answer]:
        return [await self.answer(text, language) for text in texts]

    async def stream(self, text: str, language: str) -> AsyncIterator[str | Answer]:
        yield await self.answer(text, language)

    async def close(self) -> None:
        return


def write_task(folder: Path, labels: list[dict[str, Any]]) -> None:
    spec = {
        "name": "toy",
        "title": {"en": "Toy"},
        "question": {"en": "Which?"},
        "labels": labels,
        "abstain": True,
        "languages": {"de": {"system": "s", "turns": []}},
    }
    folder.mkdir(exist_ok=True)
    (folder / "task.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")


def entries(*names: str, **former: list[str]) -> list[dict[str, Any]]:
    return [
        {"name": name, "words": {"de": [f"Wort {name}"]}, "former": former.get(name, [])} for name in names
    ]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_task(tmp_path / "task", entries(*NAMES))
    cuts = {name: VerdictCuts(confident=0.5, unclear=0.125) for name in NAMES}
    file = thresholds.ThresholdFile(
        task="toy", release=RELEASE, languages={"de": Thresholds(verdicts=cuts, rows=60, target_error=0.1)}
    )
    settings = Settings(task=tmp_path / "task", state_dir=tmp_path)
    thresholds.save(settings.thresholds_dir, file)
    return settings


def running(settings: Settings) -> TestClient:
    return TestClient(create_app(settings, clients={"encoder": Model(), "decoder": Model()}))


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with running(settings) as client:
        yield client


def assess(client: TestClient, text: str) -> dict[str, Any]:
    answer = client.post("/v1/assess", json={"text": text, "language": "de"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["predictions"][0])


def give(client: TestClient, prediction: dict[str, Any], label: str) -> Any:
    return client.post("/v1/feedback", json={"prediction_id": prediction["id"], "label": label})


def test_an_answer_has_all_probabilities_in_order_and_its_score(client: TestClient) -> None:
    prediction = assess(client, "0.25 0.625 0.125")
    assert list(prediction["probabilities"].items()) == list(zip(NAMES, (0.25, 0.625, 0.125), strict=True))
    assert (prediction["verdict"], prediction["word"]) == ("Größe", "Wort Größe")
    assert (prediction["score"], prediction["p_yes"]) == (0.375, None)
    assert prediction["light"]["reason"] == "unsure"
    assert client.get(f"/v1/predictions/{prediction['id']}").json() == prediction


def test_red_withholds_every_probability(client: TestClient) -> None:
    prediction = assess(client, "0.375 0.3125 0.3125")
    assert prediction["light"]["reason"] == "too_close"
    withheld = ("verdict", "word", "probabilities", "score", "p_yes", "justification")
    assert {prediction[name] for name in withheld} == {None}


def test_feedback_is_a_label_of_the_task_or_to_abstain(client: TestClient) -> None:
    prediction = assess(client, "0.25 0.625 0.125")
    for label in (*NAMES, ABSTAIN):
        assert give(client, prediction, label).json()["label"] == label
    answer = give(client, prediction, "yes")
    assert answer.status_code == 422
    assert (answer.json()["field"], answer.json()["value"]) == ("label", "'yes'")
    assert all(name in answer.json()["hint"] for name in (*NAMES, ABSTAIN))
    metrics = client.get("/metrics").text
    assert 'signalbox_feedback_total{agreement="agrees",language="de",task="toy"} 1.0' in metrics


def test_metrics_have_the_verdict_as_a_slug_and_the_score(client: TestClient) -> None:
    for text in ("0.25 0.625 0.125", "0.125 0.125 0.75", "0.125 0.125 0.75"):
        route = assess(client, text)["route"]
    metrics = client.get("/metrics").text
    where = f'language="de",route="{route}",task="toy"'
    assert f'signalbox_prediction_verdicts_total{{{where},verdict="grosse"}} 1.0' in metrics
    assert f'signalbox_prediction_verdicts_total{{{where},verdict="label-3"}} 2.0' in metrics
    assert f"signalbox_prediction_score_sum{{{where}}} {0.375 + 2 * 0.625}" in metrics
    assert "signalbox_prediction_p_yes_bucket" not in metrics


def test_the_page_offers_every_answer(client: TestClient) -> None:
    prediction = assess(client, "0.25 0.625 0.125")
    page = client.get(f"/?answer={prediction['id']}").text
    for label in (*NAMES, ABSTAIN):
        assert f'name="label" value="{label}"' in page
    assert re.findall(r"<bdi[^>]*>([^<]+)</bdi> <span class=\"share\">([^<]+)</span>", page) == [
        ("Wort Größe", "62.5%"),
        ("Wort Netz/Intranet", "25.0%"),
        ("Wort חירום", "12.5%"),
    ]
    assert '<rect width="62.50%"' in page
    assert "Runner-up: Wort Netz/Intranet (25.0%)" in page
    form = {"prediction_id": prediction["id"], "label": "gone"}
    rejected = client.post("/feedback", data=form, headers=SAME_ORIGIN)
    assert rejected.status_code == 422
    without_isolates = re.sub("[\u2068\u2069]", "", rejected.text)
    assert "Choose “Wort Netz/Intranet”, “Wort Größe”, “Wort חירום” or “Nichts davon”." in without_isolates


def test_a_record_of_a_renamed_or_removed_label_stays_readable(settings: Settings) -> None:
    with running(settings) as client:
        renamed, removed = assess(client, "0.625 0.25 0.125"), assess(client, "0.125 0.125 0.75")
        assert give(client, renamed, NAMES[0]).status_code == 201
        assert give(client, removed, NAMES[2]).status_code == 201
    write_task(settings.task, entries("Netz", "Größe", Netz=["Netz/Intranet"]))
    with running(settings) as client:
        now = client.get(f"/v1/predictions/{renamed['id']}").json()
        assert (now["verdict"], now["word"]) == ("Netz/Intranet", "Wort Netz")
        assert now["probabilities"] == renamed["probabilities"]
        gone = client.get(f"/v1/predictions/{removed['id']}").json()
        assert (gone["verdict"], gone["word"]) == ("חירום", "חירום")
        for prediction in (renamed, removed):
            page = client.get(f"/?answer={prediction['id']}&lang=en")
            assert page.status_code == 200
        # Isolated, so that the full stop stays at the end of the line.
        assert f"Correct answer: \u2068{NAMES[2]}\u2069." in page.text
        assert give(client, removed, NAMES[2]).status_code == 422
        agreed = give(client, renamed, "Netz")
        assert agreed.status_code == 201
        assert 'agreement="agrees"' in client.get("/metrics").text


def test_choices_are_listed_in_each_language() -> None:
    assert Texts("en").choices(["Yes", "No"]) == "“Yes” or “No”"
    assert Texts("de").choices(["A", "B", "C"]) == "„A“, „B“ oder „C“"
    assert Texts("de").choices(["A"]) == "„A“"


def test_of_many_bars_the_last_are_behind_a_summary() -> None:
    shown = [Bar(str(index), "5%", "5%", is_verdict=False) for index in range(20)]
    assert [len(part) for part in folded(shown)] == [5, 15]
    assert [len(part) for part in folded(shown[:6])] == [6, 0]
    assert runner_up(shown) is None
