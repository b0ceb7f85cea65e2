"""`signalbox certify` from an empty store to a certificate that replays, on SQLite and Postgres."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from signalbox import thresholds
from signalbox.certificate import make_plan
from signalbox.certificate.folder import campaigns, certificate_files
from signalbox.cli import installed_app
from signalbox.contracts.labels import NO, YES
from signalbox.store import open_store
from signalbox.thresholds import CalibrationAnswer, ThresholdFile
from tests.signalbox.certificate.examples import TASK_FOLDER, entry, record, requested

NOW = datetime.now(UTC)


@pytest.fixture
def signalbox(tmp_path, url, monkeypatch):
    """The command line on a state folder of its own."""
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SIGNALBOX_DATABASE_URL", url)
    monkeypatch.setenv("SIGNALBOX_TASK", str(TASK_FOLDER))

    def run(*arguments: str):
        return CliRunner().invoke(installed_app(), ["certify", *arguments])

    return run


def write(url, records, entries=()) -> None:
    async def fill() -> None:
        async with open_store(url) as store:
            await store.append_many(records)
            for one in entries:
                await store.add_feedback(one)

    asyncio.run(fill())


def events(url):
    async def read():
        async with open_store(url) as store:
            return await store.events.of_task("medical")

    return asyncio.run(read())


def labeled(count, wrong=frozenset(), start=1000):
    rows = [
        requested(start + n, created_at=NOW, asked_at=datetime.now(UTC) + timedelta(milliseconds=n))
        for n in range(count)
    ]
    return rows, [
        entry(row, NO if n in wrong else YES, created_at=row.asked_at + timedelta(seconds=1))
        for n, row in enumerate(rows)
    ]


def pool(count=300):
    return [record(n, created_at=NOW - timedelta(days=1, minutes=n)) for n in range(count)]


def test_from_answers_to_a_certificate_and_its_replay(signalbox, url, tmp_path):
    write(url, pool())
    assert signalbox("--create-key", str(tmp_path / "certificate.pem")).exit_code == 0
    planned = signalbox("--plan", "--language", "en", "--route", "decoder")
    assert planned.exit_code == 0, planned.output
    assert "medical en decoder yes: request labels at random among scores of" in planned.output
    assert "medical en decoder no: 0 answers; a plan needs 200." in planned.output
    (campaign,) = campaigns(tmp_path / "certificates")

    write(url, *labeled(20))
    early = signalbox()
    assert early.exit_code == 1
    assert "0 of 20 labels are wrong" in early.output
    assert "15 more labels without an error are enough." in early.output

    write(url, *labeled(60, frozenset({3}), start=2000))
    issued = signalbox()
    assert issued.exit_code == 0, issued.output
    assert "1 of 80 labels wrong" in issued.output
    (path,) = certificate_files(tmp_path / "certificates")
    assert json.loads(path.read_text())["certificate"]["threshold"] == campaign.thresholds[-1]

    assert signalbox().exit_code == 0
    assert certificate_files(tmp_path / "certificates") == [path]
    assert len(events(url)) == 1

    checked = signalbox("--check", str(path))
    assert checked.exit_code == 0, checked.output
    assert "failed" not in checked.output
    assert "certified: at most 10% of such answers are wrong" in checked.output


def test_a_changed_file_does_not_hold(signalbox, url, tmp_path):
    write(url, pool())
    signalbox("--create-key", str(tmp_path / "certificate.pem"))
    signalbox("--plan", "--language", "en", "--route", "decoder")
    write(url, *labeled(60))
    assert signalbox().exit_code == 0
    (path,) = certificate_files(tmp_path / "certificates")
    path.write_text(path.read_text().replace('"wrong": false', '"wrong": true', 1), encoding="utf-8")
    checked = signalbox("--check", str(path))
    assert checked.exit_code == 2
    assert "the signature does not match" in checked.output


def test_what_is_missing_is_named(signalbox, tmp_path):
    assert "no calibrated answer" in signalbox("--plan", "--language", "en", "--route", "decoder").output
    assert "No calibrated answers are in the store." in signalbox("--plan").output
    assert "signalbox certify --create-key FILE" in signalbox().output
    signalbox("--create-key", str(tmp_path / "certificate.pem"))
    assert "signalbox certify --plan" in signalbox().output
    assert "Name a certificate file." in signalbox("--check", str(tmp_path / "none.json")).output
    unknown = signalbox("--plan", "--language", "fr")
    assert unknown.exit_code == 2
    assert "Task 'medical' knows: de, en." in unknown.output


@pytest.mark.parametrize(("wrong", "same"), [(range(0), False), (range(40), True)])
def test_a_plan_sees_the_calibration_rows_unless_they_show_no_zone(signalbox, url, tmp_path, wrong, same):
    rows = pool()
    write(url, rows)
    answers = tuple(CalibrationAnswer(verdict=YES, score=n / 4, wrong=n in wrong) for n in range(40))
    file = ThresholdFile(task="medical", release=rows[0].release, languages={}, answers={"en": answers})
    thresholds.save(tmp_path / "thresholds", file)
    assert signalbox("--plan", "--language", "en", "--route", "decoder").exit_code == 0
    (campaign,) = campaigns(tmp_path / "certificates")
    assert campaign.planned_labels == 100
    by_prior = make_plan([row.score for row in rows], 0.1, 0.1)
    assert (campaign.shares == by_prior.shares) == same
