"""Suspension by the golden job: a change counts as reported only after the events of its certificates are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.golden.job import Outcome, golden, suspend
from pipelines.watch.job import watch
from signalbox.certificate import folder
from signalbox.certificate.issue import issue
from signalbox.certificate.keys import prompt_digest
from signalbox.certificate.labels import labels_of
from signalbox.certificate.monitoring import ledger
from signalbox.certificate.signing import create_key, load_private_key, sign
from signalbox.contracts.certificate import CertificateEvent
from signalbox.errors import InputError
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.store.backend import StoreUnavailable
from signalbox.store.events import EventStore
from signalbox.tasks import load_task
from tests.pipelines.golden.test_job import shift
from tests.pipelines.watch.world import TASK_FOLDER
from tests.pipelines.watch.world import World as Certified
from tests.pipelines.world import World, rows_right_and_wrong
from tests.signalbox.certificate.examples import START, answered, campaign, key

CHANGE = Outcome("en", "decoder", 20, 0, 15, 3, 0.0001)


@pytest.fixture
def world(new_world) -> Iterator[World]:
    """The models are up, and a certificate of the decoder in English is in use."""
    example = new_world([*rows_right_and_wrong("en", 24), *rows_right_and_wrong("de", 24)])
    certify(example.settings)
    with example.model_servers(), example.assessor():
        yield example


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    return Certified(Settings(state_dir=tmp_path / "state", task=TASK_FOLDER))


def certify(settings: Settings) -> None:
    task = load_task(settings.task)
    names = {"task": task.name, "prompt_digest": prompt_digest(task, "en", "decoder")}
    rows, entries = answered(60)
    plan = campaign(key=key(**names))
    labels = labels_of([row.model_copy(update=names) for row in rows], entries, plan, task, set())
    certificate = issue(plan, labels, now=START + timedelta(days=2), days=28)
    private = settings.state_dir / "certificate.pem"
    create_key(private)
    folder.save_certificate(settings.certificates_dir, sign(certificate, load_private_key(private)), task)


def actions_of(events: tuple[CertificateEvent, ...] | list[CertificateEvent]) -> list[str]:
    return [event.action.value for event in events]


def test_a_change_suspends_the_certificate_once(world):
    golden(world.settings, ["decoder"])
    shift(world, 0.02)
    assert actions_of(golden(world.settings, ["decoder"]).events) == ["suspend"]
    assert golden(world.settings, ["decoder"]).events == ()


def test_a_change_whose_event_could_not_be_stored_suspends_with_the_next_run(world, monkeypatch):
    golden(world.settings, ["decoder"])
    shift(world, 0.02)

    async def unavailable(*_: object) -> None:
        raise StoreUnavailable("the database is away")

    with monkeypatch.context() as broken:
        broken.setattr(ledger, "write", unavailable)
        with pytest.raises(StoreUnavailable):
            golden(world.settings, ["decoder"])
    assert actions_of(golden(world.settings, ["decoder"]).events) == ["suspend"]


def test_a_key_that_cannot_be_read_hides_no_change(world):
    golden(world.settings, ["decoder"])
    shift(world, 0.02)
    public = world.settings.certificate_public_key
    content = public.read_bytes()
    public.unlink()
    with pytest.raises(InputError, match="cannot read"):
        golden(world.settings, ["decoder"])
    public.write_bytes(content)
    assert actions_of(golden(world.settings, ["decoder"]).events) == ["suspend"]


def test_an_event_that_another_writer_stores_meanwhile_is_no_reason_to_leave_it(certified, monkeypatch):
    watch(certified.settings)
    read = EventStore.of_campaign
    others = ["other-1", "other-2"]

    async def overtaken(events: EventStore, campaign_id: str) -> list[CertificateEvent]:
        """The history as it is read, just before another process adds to it."""
        history = await read(events, campaign_id)
        if others:
            names = dict.fromkeys(("id", "certificate_id"), others.pop())
            event = history[0].model_copy(update={**names, "position": len(history)})
            assert await events.append(event) is not None
        return history

    monkeypatch.setattr(EventStore, "of_campaign", overtaken)

    async def run() -> list[CertificateEvent]:
        async with open_store(certified.settings.store_url) as store:
            return await suspend(certified.settings, store, load_task(TASK_FOLDER), CHANGE)

    assert actions_of(asyncio.run(run())) == ["suspend"]
    assert certified.actions() == ["issue", "issue", "issue", "suspend"]


def test_watch_fails_where_the_key_cannot_be_read(certified):
    certified.settings.certificate_public_key.unlink()
    with pytest.raises(InputError, match="cannot read"):
        watch(certified.settings)


def test_without_a_certificate_no_key_is_needed(tmp_path):
    assert watch(Settings(state_dir=tmp_path / "none", task=TASK_FOLDER)).rows == ()
