"""From answers to green: the assessor with a certificate that was earned through its own records."""

import asyncio
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from services.assessor.app import create_app
from services.assessor.decisions.event_poll import EventPoll
from signalbox import thresholds
from signalbox.certificate.cli.run import Run
from signalbox.certificate.folder import certificate_files
from signalbox.certificate.signing import create_key
from signalbox.contracts.certificate import CertificateAction, CertificateCause, CertificateEvent
from signalbox.contracts.labels import YES
from signalbox.contracts.record import Feedback, Record, text_sha256
from signalbox.settings import Settings
from signalbox.store import open_store
from tests.services.assessor.test_api import CUTS, LARGE, Table

SURE, HALF_SURE = "0.9991", "0.7123"


@pytest.fixture
def decoder() -> Table:
    return Table("large")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path, max_texts=1000, task=Path("tasks/medical"))


@pytest.fixture
def client(decoder: Table, settings: Settings) -> Iterator[TestClient]:
    file = thresholds.ThresholdFile(task="medical", release=LARGE, languages={"en": CUTS})
    thresholds.save(settings.thresholds_dir, file)
    with TestClient(create_app(settings, clients={"decoder": decoder})) as running:
        yield running


def assess(client: TestClient, *texts: str) -> list[dict]:
    body = {"texts": list(texts), "language": "en", "model": "decoder"}
    answer = client.post("/v1/assess", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


async def request_labels(settings: Settings, client_records: int) -> None:
    """Requests of surest answers at random, each with an entry: what the queue of reviewers writes."""
    async with open_store(settings.store_url) as store:
        example = (await store.records(task="medical", limit=1))[0]
        for number in range(client_records):
            asked_at = datetime.now(UTC)
            fields = {
                "id": str(uuid.uuid4()),
                "input_sha256": text_sha256(f"requested {number}"),
                "asked": True,
                "asked_at": asked_at,
                "propensity": 0.1,
                "score": 6.0,
            }
            row = example.model_copy(update=fields)
            await store.append(row)
            await store.add_feedback(
                Feedback(prediction_id=row.id, label=YES, created_at=asked_at + timedelta(microseconds=1))
            )


@pytest.fixture
def certified(client: TestClient, settings: Settings) -> TestClient:
    """The client after a campaign of its own answers."""
    assess(client, *(f"{0.6 + number / 1000:.4f}" for number in range(390)))
    private = settings.state_dir / "certificate.pem"
    create_key(private)

    async def campaign() -> None:
        run = Run(settings, "en", "decoder")
        await run.plan(datetime.now(UTC) - timedelta(minutes=1), once=False, report=print)
        await request_labels(settings, 60)
        await run.certify(datetime.now(UTC), private, report=print)

    asyncio.run(campaign())
    return client


def change(client: TestClient, settings: Settings, action: str) -> None:
    """An event as the watch job writes it, and the assessor's next reading of the events."""

    async def append() -> None:
        async with open_store(settings.store_url) as store:
            issued = (await store.events.of_task("medical"))[0]
            count = len(await store.events.of_campaign(issued.campaign_id))
            fields = {"id": str(uuid.uuid4()), "position": count, "action": CertificateAction(action)}
            event: CertificateEvent = issued.model_copy(
                update={
                    **fields,
                    "cause": CertificateCause.OUTPUT,
                    "actor": "job/watch",
                    "reason": "p(yes) changed",
                }
            )
            assert await store.events.append(event)

    asyncio.run(append())
    poll(client)


def poll(client: TestClient) -> None:
    """What the assessor does every two seconds."""
    state = client.app.state.signalbox
    client.portal.call(EventPoll(state.task, state.assess.certificates, state.store, state.metrics).poll)


async def read_records(settings: Settings, ids: set[str]) -> list[Record]:
    async with open_store(settings.store_url) as store:
        return [record for record in await store.records() if record.id in ids]


def reason_of(client: TestClient, text: str = SURE) -> tuple[str, str]:
    (prediction,) = assess(client, text)
    return prediction["light"]["color"], prediction["light"]["reason"]


def test_without_a_certificate_the_best_light_is_yellow(client):
    assert reason_of(client) == ("yellow", "provisional")


def test_an_answer_in_the_zone_is_green_and_says_why(certified):
    (prediction,) = assess(certified, SURE)
    light = prediction["light"]
    assert (light["color"], light["reason"], light["provisional"]) == ("green", "certified", False)
    assert light["text"] == "Certified: at most 10 % of such answers are wrong (0 of 60 checked ones were)."
    assert (light["certificate"]["labels"], light["certificate"]["alpha"]) == (60, 0.1)
    again = certified.get(f"/v1/predictions/{prediction['id']}").json()
    assert again["light"] == light


def test_the_page_says_why_in_both_languages(certified):
    (prediction,) = assess(certified, SURE)
    pages = {
        language: certified.get(f"/?answer={prediction['id']}", headers={"Accept-Language": language}).text
        for language in ("en", "de")
    }
    assert "at most 10 % of such answers are wrong" in pages["en"]
    assert "Höchstens 10 % solcher Antworten sind falsch (0 von 60 geprüften waren es)." in pages["de"]


def test_outside_the_zone_it_is_yellow(certified):
    assert reason_of(certified, HALF_SURE) == ("yellow", "outside_zone")


def test_a_verdict_without_a_certificate_is_yellow(certified):
    assert reason_of(certified, "0.0009") == ("yellow", "provisional")


def test_another_release_is_yellow(certified, decoder, settings):
    decoder.model = LARGE.model_copy(update={"revision": "2"})
    file = thresholds.ThresholdFile(task="medical", release=decoder.model, languages={"en": CUTS})
    thresholds.save(settings.thresholds_dir, file)
    assert reason_of(certified) == ("yellow", "other_key")


def test_other_thresholds_are_yellow(certified, settings):
    file = thresholds.ThresholdFile(
        task="medical", release=LARGE, languages={"en": CUTS.model_copy(update={"decision": 0.6})}
    )
    thresholds.save(settings.thresholds_dir, file)
    assert reason_of(certified) == ("yellow", "other_key")


def test_another_prompt_is_yellow(certified, decoder, settings, tmp_path):
    folder = tmp_path / "medical"
    shutil.copytree("tasks/medical", folder)
    file = folder / "task.yaml"
    file.write_text(file.read_text().replace("give a brief reason", "give a reason"), encoding="utf-8")
    changed = settings.model_copy(update={"task": folder})
    with TestClient(create_app(changed, clients={"decoder": decoder})) as client:
        assert reason_of(client) == ("yellow", "other_key")


@pytest.mark.parametrize(("action", "reason"), [("suspend", "suspended"), ("revoke", "revoked")])
def test_an_event_takes_green_away_without_a_restart(certified, settings, action, reason):
    change(certified, settings, action)
    assert reason_of(certified)[1] == ("requested" if action == "suspend" else reason)
    assert reason_of(certified) == ("yellow", reason)
    change(certified, settings, "restore" if action == "suspend" else "expire")
    assert reason_of(certified)[0] == ("green" if action == "suspend" else "yellow")


def test_a_suspension_asks_about_each_answer_of_the_zone(certified, settings):
    change(certified, settings, "suspend")
    texts = [f"0.99{number:03}" for number in range(900, 920)]
    shown = assess(certified, *texts)
    assert {row["light"]["reason"] for row in shown} == {"requested"}
    certified.post("/v1/feedback", json={"prediction_id": shown[0]["id"], "label": "yes"})
    judged = certified.get(f"/v1/predictions/{shown[0]['id']}").json()
    assert (judged["light"]["color"], judged["light"]["reason"]) == ("yellow", "suspended")
    records = asyncio.run(read_records(settings, {row["id"] for row in shown}))
    assert {(record.asked, record.propensity) for record in records} == {(True, 1.0)}


def test_the_api_lists_each_change_with_its_reason(certified, settings):
    change(certified, settings, "suspend")
    (row,) = certified.get("/v1/certificates").json()["certificates"]
    assert (row["language"], row["verdict"], row["route"], row["state"]) == (
        "en",
        "yes",
        "decoder",
        "suspended",
    )
    assert [(one["action"], one["actor"]) for one in row["events"]] == [
        ("issue", "job/certify"),
        ("suspend", "job/watch"),
    ]


def test_the_page_shows_the_history_in_both_languages(certified, settings):
    change(certified, settings, "suspend")
    pages = {
        language: certified.get("/certificates", headers={"Accept-Language": language}).text
        for language in ("en", "de")
    }
    assert "Suspended: drift, being checked" in pages["en"]
    assert "The probabilities of the answers have changed." in pages["en"]
    assert "Ausgesetzt: Drift, wird geprüft" in pages["de"]
    assert "0 von 60 geprüften Antworten waren falsch" in pages["de"]
    assert "It does not count now." in pages["en"]
    assert "Höchstens 10\N{NO-BREAK SPACE}% solcher Antworten sind falsch" in pages["de"]


def test_without_news_from_the_store_nothing_is_green(certified, monkeypatch):
    monkeypatch.setattr("services.assessor.decisions.certificates.STALE_SECONDS", 0.0)
    assert reason_of(certified) == ("yellow", "state_unknown")


def test_the_metrics_have_the_state_of_the_newest_certificate(certified, settings):
    key = 'language="en",route="decoder"'
    poll(certified)
    page = certified.get("/metrics").text
    assert f'signalbox_certificate_state{{{key},state="certified",task="medical",verdict="yes"}} 1.0' in page
    assert f'signalbox_certificate_shown_red_ratio{{{key},task="medical",verdict="yes"}} 0.05' in page
    change(certified, settings, "suspend")
    page = certified.get("/metrics").text
    assert f'signalbox_certificate_state{{{key},state="suspended",task="medical",verdict="yes"}} 1.0' in page
    assert f'signalbox_certificate_shown_red_ratio{{{key},task="medical",verdict="yes"}} 1.0' in page
    assert "signalbox_certificate_expiry_timestamp_seconds{" in page


def test_a_changed_file_makes_nothing_green(certified, settings):
    (path,) = certificate_files(settings.certificates_dir)
    path.write_text(path.read_text().replace('"threshold": ', '"threshold": 0.1', 1), encoding="utf-8")
    assert reason_of(certified) == ("yellow", "provisional")


def test_a_missing_key_makes_nothing_green(certified, settings):
    settings.certificate_public_key.unlink()
    assert reason_of(certified) == ("yellow", "provisional")


def test_an_expired_certificate_is_yellow(certified, monkeypatch):
    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=29)

    monkeypatch.setattr("services.assessor.decisions.certificates.datetime", Later)
    assert reason_of(certified) == ("yellow", "expired")


def test_a_green_record_names_its_certificate(certified, settings):
    (prediction,) = assess(certified, SURE)

    async def read():
        async with open_store(settings.store_url) as store:
            return await store.get(prediction["id"])

    record = asyncio.run(read())
    assert record.certificate_digest
    assert len(record.certificate_digest) == 64
    assert record.prompt_digest
    assert len(record.prompt_digest) == 16
