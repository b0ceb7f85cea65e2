"""Evidence through the API and the page, over models that answer from a table, on a real SQLite store."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi import FastAPI
from fastapi.testclient import TestClient

from services.assessor.app import create_app
from services.assessor.explain.explainer import obstacle
from services.assessor.explain.texts import STATUS_TEXT, UNIT, WHY
from services.assessor.web.evidence import evidence_view
from services.assessor.web.language import Texts
from signalbox import thresholds
from signalbox.contracts.evidence import Effect, EvidenceStatus, EvidenceUnit
from signalbox.contracts.labels import NEUTRAL, NO, YES, yes_no
from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.record import EvidenceSpan, Record
from signalbox.errors import ModelUnavailable
from signalbox.models.base import Answer
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import load_task
from tests.helpers import record
from tests.services.assessor.page_app import (
    CUTS,
    DECODER,
    ENCODER,
    LONG,
    LONG_DE,
    SENTENCES,
    SLOW,
    TASK,
    TOO_CLOSE,
    TableClient,
    clients,
    make_app,
)

SAME_ORIGIN = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
CLIMB = "He cannot climb the stairs without the lift applied for."
MOVE = "A move to the ground floor was offered."


@pytest.fixture
def models() -> dict[str, TableClient]:
    return clients()


@pytest.fixture
def api(tmp_path: Path, models: dict[str, TableClient]) -> Iterator[TestClient]:
    with TestClient(make_app(tmp_path, models=models)) as client:
        yield client


def assess(api: TestClient, text: str = LONG, **fields: Any) -> dict[str, Any]:
    body = {"text": text, "language": "en", "model": "decoder", "evidence": True, **fields}
    response = api.post("/v1/assess", json=body)
    assert response.status_code == 200, response.text
    prediction: dict[str, Any] = response.json()["predictions"][0]
    return prediction


def effects(prediction: dict[str, Any]) -> list[str]:
    return [part["effect"] for part in prediction["evidence"]["parts"]]


# --- API --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["encoder", "decoder"])
def test_each_sentence_has_an_effect_and_a_reason_in_words(api, model):
    prediction = assess(api, model=model)
    parts = prediction["evidence"]["parts"]
    assert prediction["evidence"]["status"] == "measured"
    assert effects(prediction) == ["irrelevant", "for", "irrelevant", "against"]
    assert [LONG[part["start"] : part["end"]] for part in parts] == [*SENTENCES][:4]
    assert (round(parts[1]["weight"], 9), round(parts[1]["probability_without"], 9)) == (0.38, 0.39)
    assert parts[1]["verdict_without"] == NO
    assert parts[1]["text"] == (
        "Without this sentence, the probability of “Yes” falls from 77.0% to 39.0%. The verdict would then be “No”."
    )
    assert parts[3]["text"] == "Without this sentence, the probability of “Yes” rises from 77.0% to 89.0%."


def test_reasons_are_in_the_language_of_the_text(api):
    parts = assess(api, LONG_DE, language="de")["evidence"]["parts"]
    assert parts[1]["text"] == (
        "Ohne diesen Satz sinkt die Wahrscheinlichkeit für „Ja“ von 77,0\u00a0% auf 39,0\u00a0%. "
        "Das Ergebnis wäre dann „Nein“."
    )


def test_offsets_are_code_points_of_the_text_as_it_was_sent(api):
    text = f"\r\n  \u2003\U0001f469\u200d\U0001f467 e\u0301. {CLIMB}\t{MOVE} \n"
    prediction = assess(api, text)
    parts = [text[part["start"] : part["end"]] for part in prediction["evidence"]["parts"]]
    assert parts[-2:] == [CLIMB, MOVE]
    later = api.get(f"/v1/predictions/{prediction['id']}").json()
    assert later["evidence"] == prediction["evidence"]


def test_without_the_field_no_model_reads_more(api, models, tmp_path):
    prediction = assess(api, evidence=False)
    assert prediction["evidence"] is None
    assert len(models["decoder"].asked) == 1
    stored = stored_record(tmp_path, prediction["id"])
    assert (stored.evidence, stored.evidence_status) == ((), None)


def test_evidence_can_be_measured_later_and_is_not_stored_then(api, models, tmp_path):
    first = assess(api, evidence=False)
    url = f"/v1/predictions/{first['id']}/evidence"
    later = api.post(url).json()
    assert effects(later) == ["irrelevant", "for", "irrelevant", "against"]
    assert {**later, "evidence": None} == first
    assert stored_record(tmp_path, first["id"]).evidence == ()
    assert len(models["decoder"].asked) == 5


def test_evidence_that_a_prediction_has_is_not_measured_again(api, models):
    first = assess(api)
    again = api.post(f"/v1/predictions/{first['id']}/evidence").json()
    assert again == first
    assert len(models["decoder"].asked) == 5


def test_an_unknown_prediction_is_a_404(api):
    response = api.post("/v1/predictions/nothing/evidence")
    assert response.status_code == 404
    assert response.json()["field"] == "prediction_id"


def test_several_texts_each_have_their_own(api):
    body = {"texts": [LONG, MOVE, "No."], "language": "en", "model": "encoder", "evidence": True}
    predictions = api.post("/v1/assess", json=body).json()["predictions"]
    assert [p["evidence"]["status"] for p in predictions] == ["measured", "measured", "too_short"]
    assert {part["unit"] for part in predictions[1]["evidence"]["parts"]} == {"words"}


def test_a_stream_ends_with_the_evidence(api):
    body = {"text": LONG, "language": "en", "evidence": True}
    page = api.post("/v1/assess/stream", json=body).text
    last = page.strip().split("\n\n")[-1]
    assert effects(json.loads(last.split("data: ", 1)[1])) == ["irrelevant", "for", "irrelevant", "against"]


# --- red ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [False, True])
def test_a_red_light_withholds_evidence_and_queries_no_model_for_it(api, models, tmp_path, later):
    prediction = assess(api, TOO_CLOSE, evidence=not later)
    if later:
        prediction = api.post(f"/v1/predictions/{prediction['id']}/evidence").json()
    assert prediction["light"]["color"] == "red"
    assert prediction["evidence"] == {
        "status": "withheld",
        "text": STATUS_TEXT[EvidenceStatus.WITHHELD]["en"],
        "parts": [],
    }
    assert len(models["decoder"].asked) == 1
    assert stored_record(tmp_path, prediction["id"]).evidence == ()


def test_a_record_that_is_red_shows_no_part_even_if_it_has_some(api, tmp_path):
    span = EvidenceSpan(start=0, end=4, weight=0.4)
    red = record(
        light=Light.RED,
        light_reason=LightReason.TOO_CLOSE,
        evidence=(span,),
        evidence_status=EvidenceStatus.MEASURED,
    )
    asyncio.run(store_record(tmp_path, red))
    shown = api.get(f"/v1/predictions/{red.id}").json()
    assert shown["evidence"]["parts"] == []
    html = api.get(f"/?answer={red.id}").text
    assert "<mark" not in html


@pytest.mark.parametrize("reason", LightReason)
def test_every_red_light_has_a_status_and_none_is_measured(reason):
    red = record(light=Light.RED, light_reason=reason)
    assert obstacle(red) is not None
    assert obstacle(red) is not EvidenceStatus.MEASURED


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"light": Light.RED, "light_reason": LightReason.NEUTRAL}, EvidenceStatus.NO_VERDICT),
        ({"light": Light.RED, "light_reason": LightReason.UNPARSABLE}, EvidenceStatus.NO_PROBABILITIES),
        ({"light": Light.RED, "light_reason": LightReason.TIMEOUT}, EvidenceStatus.NO_ANSWER),
        ({"probabilities": None}, EvidenceStatus.NO_PROBABILITIES),
        ({"verdict": NEUTRAL}, EvidenceStatus.NO_VERDICT),
        ({"input_text": None}, EvidenceStatus.NO_TEXT),
        ({}, None),
    ],
)
def test_the_record_says_why_there_can_be_none(changes, status):
    assert obstacle(record(**changes)) is status


# --- failures -----------------------------------------------------------------------------------------------


class Failing(TableClient):
    """A decoder whose server goes away after some answers."""

    def __init__(self, answers: int) -> None:
        super().__init__(DECODER, reasons=True)
        self._left = answers

    async def answer(self, text: str, language: str) -> Answer:
        self._left -= 1
        if self._left < 0:
            raise ModelUnavailable("the server is gone")
        return await super().answer(text, language)


@pytest.mark.parametrize(("answers", "status", "parts"), [(3, "partial", 2), (1, "failed", 0)])
def test_a_model_that_goes_away_in_the_middle_costs_the_evidence_only(tmp_path, answers, status, parts):
    with TestClient(make_app(tmp_path, models={"decoder": Failing(answers)})) as api:
        prediction = assess(api)
    assert prediction["verdict"] == YES
    assert (prediction["evidence"]["status"], len(prediction["evidence"]["parts"])) == (status, parts)


def test_a_model_that_is_down_is_a_red_light_with_a_status(api):
    prediction = assess(api, SLOW)
    assert prediction["light"]["color"] == "red"
    assert prediction["evidence"]["status"] == "no_answer"


def configured(tmp_path: Path, models: dict[str, Any], **changes: Any) -> FastAPI:
    settings = Settings(**{"task": TASK, "state_dir": tmp_path, **changes})
    return create_app(settings, clients=models)


def test_a_budget_of_zero_is_said_and_costs_no_call(tmp_path, models):
    with TestClient(configured(tmp_path, models, evidence_calls=0)) as api:
        assert assess(api)["evidence"]["status"] == "no_calls"
        assert len(models["decoder"].asked) == 1
        assert assess(api, model="encoder")["evidence"]["status"] == "measured"


def test_the_budget_limits_the_calls(tmp_path, models):
    with TestClient(configured(tmp_path, models, evidence_calls=2)) as api:
        prediction = assess(api)
    assert len(models["decoder"].asked) == 3
    parts = prediction["evidence"]["parts"]
    assert (len(parts), parts[0]["start"], parts[-1]["end"]) == (2, 0, len(LONG))


def test_without_stored_texts_evidence_comes_with_the_request_only(tmp_path, models):
    with TestClient(configured(tmp_path, models, store_text=False)) as api:
        prediction = assess(api)
        assert prediction["evidence"]["status"] == "measured"
        later = api.post(f"/v1/predictions/{prediction['id']}/evidence").json()
        page = api.post(
            "/assess", data={"text": LONG, "language": "en", "model": "decoder"}, headers=SAME_ORIGIN
        ).text
    assert (later["evidence"]["status"], later["evidence"]["parts"]) == ("no_text", [])
    assert 'action="evidence"' not in page
    assert stored_record(tmp_path, prediction["id"]).evidence == ()


def calibrated(state_dir: Path, decision: float, **place: Any) -> thresholds.Thresholds:
    """Thresholds of the decoder, saved for a place in a route; the decoder's verdict is yes from `decision` on."""
    cuts = CUTS.model_copy(update={"decision": decision})
    file = thresholds.ThresholdFile(task="medical", release=DECODER, languages={"en": cuts}, **place)
    thresholds.save(Settings(task=TASK, state_dir=state_dir).thresholds_dir, file)
    return cuts


@pytest.mark.parametrize("later", [False, True])
def test_in_a_cascade_verdicts_without_a_part_are_those_of_its_thresholds(tmp_path, models, later):
    app = make_app(tmp_path, models=models)
    stage = thresholds.Stage(release=ENCODER, digests={"en": thresholds.digest_of([CUTS]) or ""})
    calibrated(tmp_path, 0.3, route="cascade", earlier=(stage,))
    with TestClient(app) as api:
        alone = without_climbing(api, "decoder", later=later)
        last = without_climbing(api, "cascade", later=later)
    # Without the sentence p(yes) is 0.39: below the decoder's own cut-off, above the one for what the encoder passes on.
    assert (alone["verdict_without"], last["verdict_without"]) == (NO, YES)


@pytest.mark.parametrize("later", [False, True])
def test_a_cascade_whose_encoder_did_not_answer_uses_the_decoders_own_thresholds(tmp_path, models, later):
    class Silent(TableClient):
        """Its server lists the release, and fails to answer."""

        async def answer(self, text: str, language: str) -> Answer:
            raise ModelUnavailable("the server is gone")

    app = make_app(tmp_path, models={**models, "encoder": Silent(ENCODER, reasons=False)})
    stage = thresholds.Stage(release=ENCODER, digests={"en": thresholds.digest_of([CUTS]) or ""})
    calibrated(tmp_path, 0.3, route="cascade", earlier=(stage,))
    with TestClient(app) as api:
        assert without_climbing(api, "cascade", later=later)["verdict_without"] == NO


def without_climbing(api: TestClient, route: str, *, later: bool) -> dict[str, Any]:
    prediction = assess(api, model=route, evidence=not later)
    assert prediction["release"]["name"] == DECODER.name
    if later:
        prediction = api.post(f"/v1/predictions/{prediction['id']}/evidence").json()
    part: dict[str, Any] = prediction["evidence"]["parts"][1]
    return part


# --- context ------------------------------------------------------------------------------------------------


class Reader(TableClient):
    """A decoder that is sure if a passage names the rule, and less so if one names the exception."""

    def __init__(self) -> None:
        super().__init__(DECODER, reasons=True)
        self.contexts: list[tuple[str, ...]] = []

    async def answer(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
        self.contexts.append(tuple(context))
        read = " ".join(context)
        p_yes = 0.4 + 0.5 * ("rule" in read) - 0.2 * ("exception" in read)
        stated = YES if p_yes >= 0.5 else NO
        return Answer(
            release=DECODER,
            stated=stated,
            probabilities=yes_no(p_yes),
            verdict_mass=0.9,
            latency_seconds=0.1,
        )

    async def verdict(self, text: str, language: str, context: Sequence[str] = ()) -> Answer:
        return await self.answer(text, language, context)

    async def stream(
        self, text: str, language: str, context: Sequence[str] = ()
    ) -> AsyncIterator[str | Answer]:
        yield await self.answer(text, language, context)


PASSAGES = ["The rule allows it.", "An exception holds at night.", "The office closes at five."]


@pytest.fixture
def reading_task(tmp_path: Path) -> Path:
    """The task `medical` with the option `context`."""
    spec = yaml.safe_load((TASK / "task.yaml").read_text(encoding="utf-8"))
    spec |= {"context": {"max_passages": 3, "max_passage_characters": 60}}
    folder = tmp_path / "reading"
    folder.mkdir()
    (folder / "task.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    return folder


@pytest.fixture
def reader(tmp_path: Path, reading_task: Path) -> Iterator[tuple[TestClient, Reader]]:
    model = Reader()
    both = {"encoder": clients()["encoder"], "decoder": model}
    with TestClient(make_app(tmp_path, models=both, task=reading_task)) as client:
        yield client, model


def test_each_passage_is_relevant_or_not(reader, tmp_path):
    api, model = reader
    prediction = assess(api, "Is it allowed?", model=None, context=[f" {PASSAGES[0]}\n", *PASSAGES[1:]])
    assert prediction["route"] == "decoder"
    assert effects(prediction) == ["for", "against", "irrelevant"]
    parts = prediction["evidence"]["parts"]
    assert [(part["passages"], part["unit"]) for part in parts] == [([i], "passage") for i in range(3)]
    assert parts[0]["text"] == (
        "Without this passage, the probability of “Yes” falls from 70.0% to 20.0%. The verdict would then be “No”."
    )
    assert model.contexts[0] == tuple(PASSAGES)
    assert stored_record(tmp_path, prediction["id"]).context == tuple(PASSAGES)


def test_a_verdict_without_its_justification_rests_on_the_passages_too(reader):
    api, model = reader
    prediction = assess(api, "Is it allowed?", model=None, context=PASSAGES, justification=False)
    assert model.contexts[0] == tuple(PASSAGES)
    assert effects(prediction) == ["for", "against", "irrelevant"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"context": [*PASSAGES, "one more"]}, "context"),
        ({"context": ["x" * 61]}, "context.0"),
        ({"context": ["fine", " \n"]}, "context.1"),
        ({"context": ["half \ud83d"]}, "context.0"),
        ({"context": []}, "context"),
        ({"context": PASSAGES, "model": "encoder"}, "model"),
        ({"context": PASSAGES, "model": "cascade"}, "model"),
        ({"context": PASSAGES, "text": None, "texts": ["a", "b"]}, "body"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/assess", "/v1/assess/stream"])
def test_a_context_that_is_wrong_names_the_field_and_what_to_do(reader, fields, field, path):
    api, model = reader
    body = {"text": "Is it allowed?", "language": "en", **fields}
    content = json.dumps({name: value for name, value in body.items() if value is not None})
    response = api.post(path, content=content, headers={"Content-Type": "application/json"})
    problem = response.json()
    assert (response.status_code, problem["field"]) == (422, field)
    assert problem["hint"]
    assert model.contexts == []


def test_a_task_without_the_option_rejects_passages(api):
    body = {"text": LONG, "language": "en", "context": PASSAGES}
    problem = api.post("/v1/assess", json=body).json()
    assert (problem["status"], problem["field"]) == (422, "context")
    assert "task.yaml" in problem["hint"]


def test_the_page_takes_passages_and_marks_them(reader):
    api, _ = reader
    form = {
        "text": "Is it allowed?",
        "language": "en",
        "model": "decoder",
        "context": "\r\n\r\n \r\n".join(PASSAGES),
    }
    html = api.post("/assess", data=form, headers=SAME_ORIGIN).text
    assert all(passage in html for passage in PASSAGES)
    [answer] = set(re.findall(r'name="prediction_id" value="([^"]+)"', html))
    html = api.post("/evidence", data={"prediction_id": answer}, headers=SAME_ORIGIN).text
    assert "Without this passage, the probability of “Yes” falls" in html
    assert "[1] The rule allows it." in html
    again = api.get(f"/?edit={answer}").text
    assert "\n\n".join(PASSAGES) in again


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"context": "\n\n".join("abcd")},
            "The context has 4 passages, the longest of 1 characters. Allowed are 3",
        ),
        ({"context": "x" * 61}, "the longest of 61 characters"),
        ({"context": "one", "model": "encoder"}, "This model reads no context."),
    ],
)
def test_the_form_names_what_is_wrong_with_a_context(reader, fields, message):
    form = {"text": "Is it allowed?", "language": "en", "model": "decoder", **fields}
    response = reader[0].post("/assess", data=form, headers=SAME_ORIGIN)
    assert response.status_code == 422
    assert message in response.text
    assert fields["context"] in response.text


# --- page ---------------------------------------------------------------------------------------------------


def on_page(api: TestClient, text: str = LONG, language: str = "en", model: str = "decoder") -> str:
    form = {"text": text, "language": language, "model": model, "lang": language}
    response = api.post("/assess", data=form, headers=SAME_ORIGIN)
    assert response.status_code == 200
    return response.text


def ask_for_evidence(api: TestClient, html: str, language: str = "en") -> str:
    [answer] = set(re.findall(r'name="prediction_id" value="([^"]+)"', html))
    response = api.post("/evidence", data={"prediction_id": answer, "lang": language}, headers=SAME_ORIGIN)
    assert response.status_code == 200
    return response.text


def marks(html: str) -> list[tuple[str, str]]:
    """Class and plain text of each mark."""
    found = re.findall(r'<mark class="(\w+)">(.*?)</mark>', html)
    return [(name, re.sub(r"<span.*?</span>", "", inner)) for name, inner in found]


def test_a_button_measures_a_decoders_evidence(api, models):
    html = on_page(api)
    assert marks(html) == []
    assert "in 8 calls at most" in html
    html = ask_for_evidence(api, html)
    assert marks(html) == [("for", CLIMB), ("against", MOVE)]
    assert 'action="evidence"' not in html
    assert len(models["decoder"].asked) == 5


def test_an_encoders_evidence_comes_with_the_answer(api):
    html = on_page(api, LONG_DE, "de", "encoder")
    assert [name for name, _ in marks(html)] == ["for", "against"]
    assert "Worauf sich das Ergebnis stützt" in html
    assert "Spricht für das Ergebnis" in html
    assert 'action="evidence"' not in html


def test_a_red_answer_has_neither_marks_nor_a_button(api):
    html = on_page(api, TOO_CLOSE)
    assert marks(html) == []
    assert 'action="evidence"' not in html
    assert "Evidence is withheld with the verdict" in html
    assert marks(ask_for_evidence(api, html)) == []


def test_what_failed_can_be_tried_again(tmp_path):
    with TestClient(make_app(tmp_path, models={"decoder": Failing(1)})) as api:
        html = ask_for_evidence(api, on_page(api))
    assert STATUS_TEXT[EvidenceStatus.FAILED]["en"] in html
    assert 'action="evidence"' in html


def test_evidence_of_an_unknown_answer_is_a_404(api):
    response = api.post("/evidence", data={"prediction_id": "nothing"}, headers=SAME_ORIGIN)
    assert response.status_code == 404
    assert api.get("/evidence", follow_redirects=False).status_code == 303


def test_a_form_of_another_site_is_rejected(api):
    response = api.post("/evidence", data={"prediction_id": "x"}, headers={"Origin": "http://other"})
    assert response.status_code == 403


def test_markup_in_a_text_stays_text(api):
    html = ask_for_evidence(api, on_page(api, f"<b>He</b> & <mark>she</mark>. {CLIMB}"))
    assert "<b>" not in html
    assert ("for", CLIMB) in marks(html)


def test_spans_that_do_not_fit_the_text_mark_nothing():
    odd = record(
        evidence=(EvidenceSpan(start=3, end=999, weight=0.5),), evidence_status=EvidenceStatus.MEASURED
    )
    view = evidence_view(odd, load_task(TASK), Texts("en"), calls=8, store_text=True)
    assert view.pieces == []


def test_a_verdict_that_no_single_part_carries_is_said():
    spans = (EvidenceSpan(start=0, end=3, weight=0.01), EvidenceSpan(start=4, end=7, weight=-0.2))
    flat = record(evidence=spans, evidence_status=EvidenceStatus.MEASURED)
    view = evidence_view(flat, load_task(TASK), Texts("en"), calls=8, store_text=True)
    assert "No single part carries the verdict" in (view.note or "")
    assert [line.effect for line in view.lines] == ["against", "irrelevant"]


def test_every_status_effect_and_unit_has_words_in_both_languages():
    for table, keys in (
        (STATUS_TEXT, set(EvidenceStatus)),
        (WHY, set(Effect)),
        (UNIT, set(EvidenceUnit.__args__)),  # type: ignore[attr-defined]
    ):
        assert set(table) == keys
        assert all(set(texts) == {"en", "de"} and all(texts.values()) for texts in table.values())


# --- store --------------------------------------------------------------------------------------------------


def stored_record(state_dir: Path, answer: str) -> Record:
    async def read() -> Record | None:
        async with open_store(Settings(state_dir=state_dir).store_url) as store:
            return await store.get(answer)

    stored = asyncio.run(read())
    assert stored
    return stored


async def store_record(state_dir: Path, row: Record) -> None:
    async with open_store(Settings(state_dir=state_dir).store_url) as store:
        await store.append_many([row])
