"""From a certificate to its end through the assessor: shown red, labels, revocation, and the light, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from pipelines.golden.job import Outcome, suspend
from pipelines.watch.job import watch
from services.assessor.app import create_app
from services.assessor.decisions.event_poll import EventPoll
from signalbox import thresholds
from signalbox.certificate.cli.run import Run
from signalbox.certificate.issue import NotCertified
from signalbox.certificate.signing import create_key
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import load_task
from tests.services.assessor.test_api import CUTS, LARGE, Table
from tests.services.assessor.test_certificates import assess, request_labels


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_texts": 1000})


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """The assessor with a certificate that its own answers earned."""
    file = thresholds.ThresholdFile(task="medical", release=LARGE, languages={"en": CUTS})
    thresholds.save(settings.thresholds_dir, file)
    with TestClient(create_app(settings, clients={"decoder": Table("large")})) as running:
        assess(running, *(f"{0.6 + number / 1000:.4f}" for number in range(390)))
        create_key(settings.certificate_signing_key)

        async def campaign() -> None:
            run = Run(settings, "en", "decoder")
            await run.plan(datetime.now(UTC) - timedelta(minutes=1), once=False, report=print)
            await request_labels(settings, 60)
            await run.certify(datetime.now(UTC), settings.certificate_signing_key, report=print)

        asyncio.run(campaign())
        yield running


def poll(client: TestClient) -> None:
    state = client.app.state.signalbox
    client.portal.call(EventPoll(state.task, state.assess.certificates, state.store, state.metrics).poll)


def answer_what_is_shown_red(client: TestClient, texts: list[str], label: str) -> int:
    """The people behind the page: each text that asks for it gets the label before its verdict is seen."""
    asked = [row["id"] for row in assess(client, *texts) if row["light"]["reason"] == "requested"]
    for name in asked:
        assert client.post("/v1/feedback", json={"prediction_id": name, "label": label}).status_code == 201
    return len(asked)


def test_wrong_labels_of_green_answers_revoke_the_certificate(client, settings):
    texts = [f"0.99{number:04}" for number in range(9000, 9900)]
    assert answer_what_is_shown_red(client, texts, "no") >= 10
    (row,) = watch(settings).rows
    assert row.event.action == "revoke"
    poll(client)
    shown = assess(client, "0.99995")[0]["light"]
    assert (shown["color"], shown["reason"]) == ("yellow", "revoked")
    # More labels of the same campaign are no way around a revocation.
    asyncio.run(request_labels(settings, 5))
    with pytest.raises(NotCertified):
        asyncio.run(
            Run(settings, "en", "decoder").certify(
                datetime.now(UTC), settings.certificate_signing_key, report=print
            )
        )


def test_a_golden_change_suspends_and_labels_restore(client, settings):
    task = load_task(settings.task)
    outcome = Outcome("en", "decoder", 20, 0, 15, 3, 0.0001)

    async def change() -> list:
        async with open_store(settings.store_url) as store:
            return [await suspend(settings, store, task, outcome) for _ in range(2)]

    first, second = asyncio.run(change())
    assert ([event.cause for event in first], second) == (["golden"], [])
    poll(client)
    # Each answer of the zone is asked about until labels decide.
    assert answer_what_is_shown_red(client, [f"0.999{number:02}" for number in range(10, 38)], "yes") == 28
    (row,) = watch(settings).rows
    assert row.event.action == "restore"
    poll(client)
    assert assess(client, "0.99912")[0]["light"]["color"] == "green"
