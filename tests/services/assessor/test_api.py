"""The API over models that answer from a table, on a real SQLite store."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.assessor import errors
from services.assessor.app import create_app
from signalbox import thresholds
from signalbox.contracts.labels import NEUTRAL, NO, YES, yes_no
from signalbox.contracts.record import ModelRelease
from signalbox.errors import InputError, ModelTimeout, ModelUnavailable, NotFoundError, SetupError
from signalbox.models.base import Answer
from signalbox.settings import Settings
from signalbox.store import SpoolFull, Store, StoreUnavailable, open_store
from tests.helpers import record


class Table:
    """A model with fixed answers; p(yes) is the number in the text, and some words fail in named ways."""

    def __init__(self, name: str) -> None:
        self.model = ModelRelease(name=name, revision="1", engine="table", quantization="none")
        self.up = True
        self.asked: list[str] = []

    async def release(self) -> ModelRelease:
        return self.model

    async def ready(self) -> bool:
        return self.up

    async def answer(self, text: str, language: str) -> Answer:
        self.asked.append(text)
        if not self.up:
            raise ModelUnavailable("connection refused at /srv/models/secret.gguf")
        if text == "slow":
            raise ModelTimeout("no answer within 1 s")
        if text == "neutral":
            return Answer(release=self.model, stated=NEUTRAL, probabilities=yes_no(0.9), latency_seconds=0.0)
        p = float(text)
        stated = YES if p >= 0.5 else NO
        return Answer(
            release=self.model,
            stated=stated,
            probabilities=yes_no(p),
            justification="So it is.",
            latency_seconds=0.0,
        )

    async def verdict(self, text: str, language: str) -> Answer:
        return (await self.answer(text, language)).model_copy(update={"justification": None})

    async def answer_many(self, texts: list[str], language: str) -> list[Answer]:
        return [await self.answer(text, language) for text in texts]

    async def stream(self, text: str, language: str) -> AsyncIterator[str | Answer]:
        yield await self.answer(text, language)

    async def close(self) -> None:
        return


class Speaker(Table):
    """A decoder with a fixed stream: answers so far, words, and what ends it."""

    def __init__(self, *items: Answer | str | Exception) -> None:
        super().__init__("large")
        self.items = items

    async def stream(self, text: str, language: str) -> AsyncIterator[str | Answer]:
        for item in self.items:
            if isinstance(item, Exception):
                raise item
            yield item


LARGE = ModelRelease(name="large", revision="1", engine="table", quantization="none")
CUTS = thresholds.Thresholds(
    decision=0.5,
    confident_yes=0.9,
    confident_no=0.1,
    unclear_low=0.45,
    unclear_high=0.55,
    rows=80,
    target_error=0.1,
)


@pytest.fixture
def models() -> dict[str, Table]:
    return {"encoder": Table("small"), "decoder": Table("large")}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path, max_texts=8)


@pytest.fixture
def client(models: dict[str, Table], settings: Settings) -> Iterator[TestClient]:
    for model in models.values():
        file = thresholds.ThresholdFile(task="medical", release=model.model, languages={"en": CUTS})
        thresholds.save(settings.thresholds_dir, file)
    with TestClient(create_app(settings, clients=models)) as running:
        yield running


def assess(client: TestClient, text: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/assess", json={"text": text, "language": "en", **more})
    assert answer.status_code == 200, answer.text
    (prediction,) = answer.json()["predictions"]
    return dict(prediction)


@pytest.mark.parametrize(
    ("text", "color", "reason", "verdict"),
    [
        ("0.95", "yellow", "provisional", "yes"),
        ("0.05", "yellow", "provisional", "no"),
        ("0.7", "yellow", "unsure", "yes"),
        ("0.5", "red", "too_close", None),
        ("neutral", "red", "neutral", None),
        ("slow", "red", "timeout", None),
    ],
)
def test_light_and_what_it_withholds(
    client: TestClient, text: str, color: str, reason: str, verdict: str | None
) -> None:
    prediction = assess(client, text)
    assert (prediction["light"]["color"], prediction["light"]["reason"], prediction["verdict"]) == (
        color,
        reason,
        verdict,
    )
    assert prediction["light"]["provisional"]
    if color == "red":
        assert (prediction["p_yes"], prediction["justification"], prediction["word"]) == (None, None, None)
    assert client.get(f"/v1/predictions/{prediction['id']}").json() == prediction


def test_the_fields_of_the_version_before_stay_for_yes_and_no(client: TestClient) -> None:
    prediction = assess(client, "0.7")
    assert prediction["p_yes"] == prediction["probabilities"]["yes"] == 0.7
    assert list(prediction["probabilities"]) == ["yes", "no"]
    schema = client.get("/openapi.json").json()["components"]["schemas"]["PublicPrediction"]["properties"]
    assert [name for name, field in schema.items() if field.get("deprecated")] == ["p_yes"]


@pytest.mark.parametrize("model", ["decoder", "cascade"])
def test_a_justification_is_left_out_on_request(client: TestClient, model: str) -> None:
    whole = assess(client, "0.7", model=model)
    short = assess(client, "0.7", model=model, justification=False)
    assert (whole["justification"], short["justification"]) == ("So it is.", None)
    assert short["probabilities"] == whole["probabilities"]


def test_an_uncalibrated_language_has_its_reason(client: TestClient) -> None:
    prediction = assess(client, "0.95", language="de")
    assert (prediction["light"]["reason"], prediction["word"]) == ("uncalibrated", "Ja")


def test_a_new_calibration_is_seen_without_a_restart(
    client: TestClient, models: dict[str, Table], settings: Settings
) -> None:
    assert assess(client, "0.95")["light"]["reason"] == "provisional"
    sure = thresholds.VerdictCuts(confident=0.99, unclear=CUTS.verdicts[YES].unclear)
    stricter = CUTS.model_copy(update={"verdicts": {**CUTS.verdicts, YES: sure}})
    file = thresholds.ThresholdFile(
        task="medical", release=models["encoder"].model, languages={"en": stricter}
    )
    thresholds.save(settings.thresholds_dir, file)
    assert assess(client, "0.95")["light"]["reason"] == "unsure"


def test_thresholds_may_be_in_a_folder_that_the_first_calibration_creates(
    models: dict[str, Table], tmp_path: Path
) -> None:
    settings = Settings(state_dir=tmp_path / "state", thresholds_path=tmp_path / "jobs" / "thresholds")
    with TestClient(create_app(settings, clients=models)) as client:
        assert assess(client, "0.95")["light"]["reason"] == "uncalibrated"
        file = thresholds.ThresholdFile(
            task="medical", release=models["encoder"].model, languages={"en": CUTS}
        )
        thresholds.save(tmp_path / "jobs" / "thresholds", file)
        assert assess(client, "0.95")["light"]["reason"] == "provisional"


def test_cascade_queries_the_decoder_only_if_the_encoder_is_unsure(
    client: TestClient, models: dict[str, Table]
) -> None:
    assert assess(client, "0.95", model="cascade")["release"]["name"] == "small"
    assert models["decoder"].asked == []
    assert assess(client, "0.7", model="cascade")["release"]["name"] == "large"


def test_cascade_keeps_the_encoders_answer_when_the_decoder_is_down(
    client: TestClient, models: dict[str, Table]
) -> None:
    models["decoder"].up = False
    assert assess(client, "0.7", model="cascade")["release"]["name"] == "small"


def test_an_unavailable_model_is_a_stored_red_prediction_without_paths(
    client: TestClient, models: dict[str, Table]
) -> None:
    models["decoder"].up = False
    prediction = assess(client, "0.9", model="decoder")
    assert (prediction["light"]["color"], prediction["light"]["reason"]) == ("red", "unavailable")
    assert "secret.gguf" not in str(client.get(f"/v1/predictions/{prediction['id']}").json())


def answer(p_yes: float) -> Answer:
    stated = YES if p_yes >= 0.5 else NO
    return Answer(
        release=LARGE,
        stated=stated,
        probabilities=yes_no(p_yes),
        verdict_mass=0.9,
        justification="So.",
        latency_seconds=0.0,
    )


def events(page: str) -> list[tuple[str, dict[str, Any]]]:
    """The server-sent events of a body."""
    fields = [
        dict(line.split(": ", 1) for line in event.splitlines()) for event in page.strip().split("\n\n")
    ]
    return [(event["event"], json.loads(event["data"])) for event in fields]


def streamed(settings: Settings, *items: Answer | str | Exception) -> list[tuple[str, dict[str, Any]]]:
    file = thresholds.ThresholdFile(task="medical", release=LARGE, languages={"en": CUTS})
    thresholds.save(settings.thresholds_dir, file)
    clients = {"encoder": Table("small"), "decoder": Speaker(*items)}
    with TestClient(create_app(settings, clients=clients)) as client:
        stream = events(client.post("/v1/assess/stream", json={"text": "x", "language": "en"}).text)
        kind, data = stream[-1]
        if kind == "prediction":
            assert client.get(f"/v1/predictions/{data['id']}").json() == data
    return stream


def test_a_stream_gives_words_and_then_the_prediction(settings: Settings) -> None:
    *words, (kind, prediction) = streamed(settings, answer(0.95), "Yes.", " So.", answer(0.95))
    assert words == [("delta", {"text": "Yes."}), ("delta", {"text": " So."})]
    assert (kind, prediction["verdict"], prediction["verdict_mass"]) == ("prediction", "yes", 0.9)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"model": "encoder"}, "model"),
        ({"model": "cascade"}, "model"),
        ({"justification": False}, "justification"),
    ],
)
def test_a_stream_rejects_what_it_cannot_do(client: TestClient, fields: dict[str, Any], field: str) -> None:
    response = client.post("/v1/assess/stream", json={"text": "0.7", "language": "en", **fields})
    problem = response.json()
    assert (response.status_code, problem["field"], problem["value"]) == (422, field, repr(fields[field]))
    assert "/v1/assess" in problem["hint"]


def test_a_stream_may_name_the_route_that_it_has(client: TestClient) -> None:
    fields = {"text": "0.7", "language": "en", "model": "decoder", "justification": True}
    assert client.post("/v1/assess/stream", json=fields).status_code == 200


def test_a_stream_withholds_what_a_red_light_withholds(settings: Settings) -> None:
    ((kind, prediction),) = streamed(settings, answer(0.5), "Yes.", " So.", answer(0.5))
    assert (kind, prediction["light"]["reason"], prediction["verdict"]) == ("prediction", "too_close", None)


def test_a_stream_that_breaks_off_ends_in_red(settings: Settings) -> None:
    kinds = streamed(settings, answer(0.95), "Yes.", ModelUnavailable("gone"))
    assert [kind for kind, _ in kinds] == ["delta", "prediction"]
    prediction = kinds[-1][1]
    assert (prediction["light"]["color"], prediction["light"]["reason"], prediction["release"]) == (
        "red",
        "unavailable",
        None,
    )


def test_a_stream_that_fails_for_another_cause_ends_with_an_error_event(settings: Settings) -> None:
    ((kind, prediction),) = streamed(settings, SetupError("/srv/secret.json is no threshold file"))
    assert (kind, prediction["field"]) == ("error", "service")
    assert (prediction["type"], prediction["status"]) == ("/problems/misconfigured", 503)
    assert "secret" not in str(prediction)


def test_a_broken_threshold_file_is_not_the_callers_fault(client: TestClient, settings: Settings) -> None:
    for path in settings.thresholds_dir.iterdir():
        path.write_text("{}")
    answer = client.post("/v1/assess", json={"text": "0.9", "language": "en"})
    assert answer.status_code == 503
    assert str(settings.thresholds_dir) not in answer.text
    assert client.get("/healthz").status_code == 200


def test_records_older_than_the_retention_are_deleted(models: dict[str, Table], tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, retention_days=30)
    old = record(created_at=datetime.now(UTC) - timedelta(days=31))
    young = record(created_at=datetime.now(UTC) - timedelta(days=29))

    async def fill() -> None:
        async with open_store(settings.store_url) as store:
            await store.append_many([old, young])

    asyncio.run(fill())
    with TestClient(create_app(settings, clients=models)) as client:
        for _ in range(200):
            if client.get(f"/v1/predictions/{old.id}").status_code == 404:
                break
        assert client.get(f"/v1/predictions/{old.id}").status_code == 404
        assert client.get(f"/v1/predictions/{young.id}").status_code == 200


def test_nothing_of_a_text_is_logged(client: TestClient, models: dict[str, Table], caplog: Any) -> None:
    caplog.set_level("INFO")
    models["decoder"].up = False
    prediction = assess(client, "0.7")
    client.post(
        "/v1/feedback", json={"prediction_id": prediction["id"], "label": "no", "comment": "patient X"}
    )
    assess(client, "0.123456789", model="decoder")
    client.post("/v1/assess", json={"text": "0.987654321 private", "language": "fr"})
    log = "".join(f"{line.getMessage()} {vars(line)}" for line in caplog.records if line.name != "httpx2")
    assert "no answer" in log
    for text in ("0.123456789", "patient X", "private"):
        assert text not in log


def test_many_texts_keep_their_order(client: TestClient) -> None:
    body = {"texts": ["0.95", "0.05", "0.7"], "language": "en"}
    predictions = client.post("/v1/assess", json=body).json()["predictions"]
    assert [p["verdict"] for p in predictions] == ["yes", "no", "yes"]


def test_feedback_is_stored_and_counted(client: TestClient) -> None:
    prediction = assess(client, "0.95")
    answer = client.post(
        "/v1/feedback", json={"prediction_id": prediction["id"], "label": "no", "comment": "wrong"}
    )
    assert answer.status_code == 201
    assert (
        'signalbox_feedback_total{agreement="differs",language="en",task="medical"} 1.0'
        in client.get("/metrics").text
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "pattern"),
    [
        ("POST", "/v1/assess", {"text": "", "language": "en"}, 422, "text"),
        ("POST", "/v1/assess", {"text": "   ", "language": "en"}, 422, "text"),
        ("POST", "/v1/assess", {"language": "en"}, 422, "text"),
        ("POST", "/v1/assess", {"text": "1", "texts": ["1"], "language": "en"}, 422, "text"),
        ("POST", "/v1/assess", {"text": "0.5", "language": "fr"}, 422, "de, en"),
        ("POST", "/v1/assess", {"text": "0.5", "language": "en", "model": "gpt"}, 422, "cascade"),
        ("POST", "/v1/assess", {"text": "x" * 4001, "language": "en"}, 422, "4000"),
        ("POST", "/v1/assess", {"text": "a\x00b", "language": "en"}, 422, "NUL"),
        ("POST", "/v1/assess", {"texts": ["0.5"] * 1000, "language": "en"}, 422, "at most 8"),
        ("POST", "/v1/assess", {"text": "0.5", "langauge": "en"}, 422, "langu?a"),
        ("POST", "/v1/assess/stream", {"texts": ["0.5", "0.6"], "language": "en"}, 422, "one text"),
        ("POST", "/v1/feedback", {"prediction_id": "nope", "label": "yes"}, 404, "nope"),
        ("POST", "/v1/feedback", {"prediction_id": "nope", "label": "maybe"}, 422, "label"),
        ("GET", "/v1/predictions/nope", None, 404, "nope"),
        ("GET", "/v1/predictions/a%00b", None, 404, "prediction_id"),
        ("GET", "/v1/nothing", None, 404, "/docs"),
        ("GET", "/v1/assess", None, 405, "/docs"),
    ],
)
def test_wrong_input_names_field_value_and_hint(
    client: TestClient, method: str, path: str, body: Any, status: int, pattern: str
) -> None:
    answer = client.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "field", "value", "hint"}
    assert problem["status"] == status
    assert all(text for name, text in problem.items() if name != "value")
    assert re.search(pattern, str(problem))
    assert len(answer.text) < 1000


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"text": "\\ud800", "language": "en"}', 422),
        (b'{"\\ud800": 1}', 422),
        (b"{not json", 400),
        (b'{"text": "\xff\xfe"}', 400),
        (b"", 422),
        (b"[1]", 422),
        (b"x" * 1_000_000, 413),
    ],
)
def test_bodies_that_are_not_what_they_should_be(client: TestClient, content: bytes, status: int) -> None:
    answer = client.post("/v1/assess", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["hint"]


def test_a_large_body_without_a_length_is_rejected(client: TestClient) -> None:
    answer = client.post("/v1/assess", content=(b"x" * 50_000 for _ in range(20)))
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/body-too-large"
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("down", [["decoder"], ["encoder"], ["encoder", "decoder"]])
def test_readiness_names_what_is_down_and_does_not_depend_on_it(
    models: dict[str, Table], settings: Settings, down: list[str]
) -> None:
    for name in down:
        models[name].up = False
    with TestClient(create_app(settings, clients=models)) as client:
        answer = client.get("/readyz")
        assert answer.status_code == 200
        upstreams = {name: name not in down for name in ("encoder", "decoder", "store")}
        assert answer.json() == {"ready": True, "upstreams": upstreams}
        assert client.get("/healthz").status_code == 200
        page = client.get("/metrics").text
        for name, up in upstreams.items():
            assert f'signalbox_upstream_ready{{upstream="{name}"}} {up:.1f}' in page


def test_an_application_that_ends_is_not_ready(models: dict[str, Table], settings: Settings) -> None:
    app = create_app(settings, clients=models)
    with TestClient(app):
        poll = app.state.signalbox.poll
        assert poll.health.ready
    assert not poll.health.ready


def test_metrics_count_by_light_and_reason(client: TestClient) -> None:
    assess(client, "0.5")
    page = client.get("/metrics").text
    assert (
        'signalbox_predictions_total{language="en",light="red",reason="too_close",route="encoder",task="medical"} 1.0'
        in page
    )
    assert 'signalbox_http_requests_total{method="POST",path="/v1/assess",status="200"} 1.0' in page
    assert 'signalbox_upstream_ready{upstream="store"} 1.0' in page


def test_pass_through_without_a_decoder_is_a_502(client: TestClient) -> None:
    answer = client.post("/v1/chat/completions", json={"messages": []})
    assert answer.status_code == 502
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["param"], error["code"]) == ("decoder", "upstream")


def test_the_openai_routes_send_errors_in_the_form_of_openai(client: TestClient) -> None:
    answers = {
        413: client.post("/v1/chat/completions", content=b"x" * 1_000_000),
        405: client.get("/v1/chat/completions"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
        assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answers[413].json()["error"]["code"] == "body_too_large"
    assert answers[405].json()["error"]["code"] is None


def test_a_fault_of_the_program_is_a_problem_without_its_text(client: TestClient) -> None:
    async def broken(_: str) -> None:
        raise RuntimeError("secret")

    client.app.state.signalbox.store.get = broken  # type: ignore[attr-defined]
    answer = TestClient(client.app, raise_server_exceptions=False).get("/v1/predictions/x")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/internal"
    assert "secret" not in answer.text


def test_each_kind_of_problem_has_a_name_of_its_own() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, errors.Kind)]
    assert len(kinds) > 5
    assert len({kind.name for kind in kinds}) == len(kinds)
    assert all(re.fullmatch(r"[a-z-]+", kind.name) and 400 <= kind.status < 600 for kind in kinds)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFoundError("prediction_id", "x", "Use another."), 404),
        (InputError("language", "fr", "Use another."), 422),
        (SetupError("/srv/secret.json is missing"), 503),
        (StoreUnavailable("secret.example:5432 is down"), 503),
        (ModelTimeout("secret"), 503),
        (ValueError("secret"), 500),
    ],
)
def test_the_class_of_an_error_decides_its_status(error: Exception, status: int) -> None:
    problem = errors.problem_of(error)
    assert problem.status == status
    assert "secret" not in str(problem)


def test_no_answer_is_given_when_its_record_cannot_be_kept(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise SpoolFull("/var/lib/signalbox/spool cannot be written.", hint="Free space on its disk.")

    monkeypatch.setattr(Store, "append_many", full)
    answer = client.post("/v1/assess", json={"text": "0.95", "language": "en"})
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert "verdict" not in answer.text
    assert "/var/lib" not in answer.text
    with client.stream("POST", "/v1/assess/stream", json={"text": "0.95", "language": "en"}) as stream:
        assert "event: error" in "".join(stream.iter_text())


def stored_digest(client: TestClient, prediction: dict[str, Any]) -> str | None:
    state = client.app.state.signalbox  # type: ignore[attr-defined]
    record = client.portal.call(state.store.get, prediction["id"])  # type: ignore[union-attr]
    return record.thresholds_digest


def test_a_record_names_the_thresholds_that_judged_it(
    client: TestClient, models: dict[str, Table], settings: Settings
) -> None:
    first = stored_digest(client, assess(client, "0.95"))
    assert first == thresholds.digest_of([CUTS])
    assert stored_digest(client, assess(client, "neutral")) == first
    assert stored_digest(client, assess(client, "0.95", language="de")) == thresholds.UNCALIBRATED
    assert stored_digest(client, assess(client, "slow")) is None
    stricter = CUTS.model_copy(update={"rows": 41})
    file = thresholds.ThresholdFile(
        task="medical", release=models["encoder"].model, languages={"en": stricter}
    )
    thresholds.save(settings.thresholds_dir, file)
    assert stored_digest(client, assess(client, "0.95")) == thresholds.digest_of([stricter]) != first


def calibrate_cascade(settings: Settings, models: dict[str, Table], digest: str | None) -> None:
    stage = thresholds.Stage(release=models["encoder"].model, digests={"en": digest or ""})
    file = thresholds.ThresholdFile(
        task="medical",
        release=models["decoder"].model,
        languages={"en": CUTS},
        route="cascade",
        earlier=(stage,),
    )
    thresholds.save(settings.thresholds_dir, file)


def test_in_a_cascade_the_decoder_is_calibrated_for_what_the_encoder_passes_on(
    client: TestClient, models: dict[str, Table], settings: Settings
) -> None:
    assert assess(client, "0.7", model="decoder")["light"]["reason"] == "unsure"
    prediction = assess(client, "0.7", model="cascade")
    assert (prediction["release"]["name"], prediction["light"]["reason"]) == ("large", "uncalibrated")
    calibrate_cascade(settings, models, thresholds.digest_of([CUTS]))
    prediction = assess(client, "0.7", model="cascade")
    assert (prediction["release"]["name"], prediction["light"]["reason"]) == ("large", "unsure")
    assert stored_digest(client, prediction) == thresholds.digest_of([CUTS, CUTS])


def test_a_cascade_whose_encoder_was_calibrated_again_is_uncalibrated(
    client: TestClient, models: dict[str, Table], settings: Settings
) -> None:
    calibrate_cascade(settings, models, "another")
    assert assess(client, "0.7", model="cascade")["light"]["reason"] == "uncalibrated"


def test_a_cascade_without_its_encoder_uses_the_decoders_own_thresholds(
    client: TestClient, models: dict[str, Table]
) -> None:
    """It gets all texts then, not only the hard ones."""
    models["encoder"].up = False
    assert assess(client, "0.7", model="cascade")["light"]["reason"] == "unsure"
