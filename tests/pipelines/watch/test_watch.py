"""The watch job on SQLite and Postgres: labels and alarms change the state of a certificate, each change once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from pipelines.watch.job import watch
from pipelines.watch.publish import write_metrics
from pipelines.watch.report import lines_of
from signalbox.contracts.labels import NO, YES
from signalbox.errors import InputError
from tests.signalbox.certificate.examples import entry

STEADY = tuple(0.6 + number / 250 for number in range(100))
SHIFTED = tuple(0.3 + number / 250 for number in range(100))


def test_the_first_pass_writes_the_issue_and_the_next_ones_nothing(world):
    for _ in range(2):
        result = watch(world.settings)
        assert world.actions() == ["issue"]
    (event,) = world.events()
    assert (event.certificate_id, event.certificate_digest) == (world.certificate.id, world.digest)
    assert (event.actor, event.cause, event.details["labels"]) == ("job/watch", "labels", 60)
    assert lines_of(result.rows[0]) == [
        "medical en decoder yes: certified; 0 labels since it was issued, 0 wrong, 0 open; evidence 0 of 2000"
    ]


def test_labels_of_the_certificate_are_no_evidence_about_what_came_later(world):
    world.label(20, wrong=2)
    (row,) = watch(world.settings).rows
    assert (row.observation.detector.labels, sum(one.wrong for one in row.observation.new_labels)) == (20, 2)


def test_wrong_labels_revoke_once(world):
    world.label(40, wrong=30)
    watch(world.settings)
    watch(world.settings)
    assert world.actions() == ["issue", "revoke"]
    event = world.events()[-1]
    assert (event.cause, event.reason) == (
        "detector",
        "30 of 40 labels since the certificate was issued are wrong",
    )


def test_right_labels_change_nothing(world):
    world.label(200, wrong=8)
    watch(world.settings)
    assert world.actions() == ["issue"]


def test_other_answers_suspend_and_right_labels_restore(world):
    world.traffic(200, STEADY, days_ago=2.9)
    world.traffic(200, SHIFTED, days_ago=1.5)
    watch(world.settings)
    assert world.actions() == ["issue", "suspend"]
    assert world.events()[-1].cause == "output"
    watch(world.settings)
    assert world.actions() == ["issue", "suspend"]
    world.label(27, days_ago=-0.01, chance=1.0)
    watch(world.settings)
    assert world.actions() == ["issue", "suspend"]
    world.label(1, days_ago=-0.02, chance=1.0)
    watch(world.settings)
    assert world.actions() == ["issue", "suspend", "restore"]
    watch(world.settings)
    assert world.actions() == ["issue", "suspend", "restore"]


def test_labels_from_before_a_suspension_do_not_restore(world):
    world.label(60)
    world.traffic(200, STEADY, days_ago=2.9)
    world.traffic(200, SHIFTED, days_ago=1.5)
    watch(world.settings)
    watch(world.settings)
    assert world.actions() == ["issue", "suspend"]


def test_equal_answers_and_few_answers_suspend_nothing(world):
    world.traffic(200, STEADY, days_ago=2.9)
    world.traffic(5, SHIFTED, days_ago=1.5)
    world.traffic(200, STEADY, days_ago=1.2)
    watch(world.settings)
    assert world.actions() == ["issue"]


@pytest.mark.parametrize(
    ("verdict", "actions"), [("drift", ["issue", "suspend"]), ("no drift seen", ["issue"])]
)
def test_the_drift_job_s_alarm_about_texts_suspends(world, verdict, actions):
    report = {
        "windows": {"since": "2026-01-01T00:00:00+00:00", "until": world.now.isoformat()},
        "comparisons": [
            {"column": "input_text", "group": {"language": "en"}, "verdict": verdict, "p_adjusted": 0.0004}
        ],
    }
    path = world.settings.state_dir / "reports" / "drift-medical-decoder.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(report))
    watch(world.settings)
    assert world.actions() == actions


def test_writers_at_the_same_time_write_each_event_once(world):
    world.label(40, wrong=30)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: watch(world.settings), range(4)))
    assert world.actions() == ["issue", "revoke"]


def test_a_label_that_comes_twice_counts_once_and_a_correction_counts(world):
    rows = world.label(20)
    world.add([], [entry(rows[0], YES), entry(rows[0], YES, id="again"), entry(rows[1], NO, id="corrected")])
    (row,) = watch(world.settings).rows
    assert (row.observation.detector.labels, sum(one.wrong for one in row.observation.new_labels)) == (20, 1)


def test_a_clock_that_is_wrong_neither_loses_nor_doubles_a_label(world):
    """The assessor's clock is an hour behind: requests look older than the certificate."""
    rows = world.request(10, days_ago=2.0)
    world.add([row.model_copy(update={"asked_at": row.asked_at - timedelta(hours=1)}) for row in rows])
    world.add([], [entry(row) for row in rows])
    (row,) = watch(world.settings).rows
    assert row.observation.detector.labels == 10


def test_a_process_that_is_killed_after_a_label_loses_nothing(world):
    """SIGKILL between the entry and the evidence: the next pass replays the rows."""
    rows = world.request(40)
    world.add(rows)
    bodies = [entry(row, NO).model_dump_json() for row in rows]
    script = """
import asyncio, json, os, signal, sys
from signalbox.contracts.record import Feedback
from signalbox.store import open_store
async def run():
    store = await open_store(sys.argv[1]).open()
    for body in json.load(sys.stdin):
        await store.add_feedback(Feedback.model_validate_json(body))
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(run())
"""
    command = [sys.executable, "-c", script, world.settings.store_url]
    process = subprocess.run(command, input=json.dumps(bodies), text=True, check=False, env=dict(os.environ))
    assert process.returncode == -signal.SIGKILL
    watch(world.settings)
    assert world.actions() == ["issue", "revoke"]


def test_a_changed_file_is_not_watched(world):
    world.label(40, wrong=30)
    world.path.write_text(world.path.read_text().replace('"wrong": false', '"wrong": true', 1))
    assert watch(world.settings).rows == ()
    assert world.actions() == []


def test_a_date_that_has_passed_is_an_event(world, monkeypatch):
    later = world.now + timedelta(days=40)

    async def now(_self):
        return later

    monkeypatch.setattr("signalbox.store.requests.RequestStore.now", now)
    watch(world.settings)
    watch(world.settings)
    assert world.actions() == ["issue", "expire"]


def test_the_metrics_have_evidence_labels_and_events(world, tmp_path):
    world.label(20, wrong=2)
    world.add(world.request(3))
    page = write_metrics(tmp_path / "metrics", watch(world.settings)).read_text()
    key = 'language="en",route="decoder",task="medical",verdict="yes"'
    assert f"signalbox_certificate_detector_limit{{{key}}} 2000.0" in page
    assert (
        'signalbox_certificate_labels{language="en",outcome="wrong",route="decoder",task="medical",verdict="yes"} 2.0'
        in page
    )
    assert 'outcome="open",route="decoder",task="medical",verdict="yes"} 3.0' in page
    assert f"signalbox_certificate_error_ratio{{{key}}} 0.1" in page
    assert "signalbox_certificate_oldest_request_timestamp_seconds{" in page
    assert 'signalbox_certificate_events_total{action="issue",' in page
    assert 'signalbox_certificate_events_total{action="revoke",' in page
    assert 'signalbox_job_last_success_timestamp_seconds{job="watch-medical"}' in page


def test_a_level_that_is_too_large_is_an_error(world):
    with pytest.raises(InputError, match="alpha"):
        watch(world.settings, alpha=0.5)
