"""Traffic that changes without drift, and drift that no answer shows: whole runs over a real store."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from pipelines.drift.comparison import Verdict
from pipelines.drift.job import drift, windows_of
from pipelines.windows import ALL
from signalbox.contracts.labels import NEUTRAL, NO, YES
from signalbox.contracts.light import Light, LightReason
from signalbox.settings import Settings
from signalbox.store import open_store
from tests.helpers import record
from tests.pipelines.samples import key_of
from tests.pipelines.world import write_task

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
FAILED = {
    "release": None,
    "p_yes": None,
    "verdict": NEUTRAL,
    "stated": NEUTRAL,
    "light": Light.RED,
    "candidate_light": Light.RED,
    "light_reason": LightReason.TIMEOUT,
    "error": "no answer within 60 s",
    "justification": None,
}


@pytest.fixture
def settings(tmp_path):
    return Settings(task=write_task(tmp_path / "task", "toy", []), state_dir=tmp_path / "run")


def answer(rng, text, days, **changes):
    """An answer so many days ago; p(yes) is one of the text."""
    p_yes = (
        float(np.random.default_rng(key_of(text)).beta(5, 2)) if text in TEMPLATES else float(rng.beta(2, 3))
    )
    fields = {
        "task": "toy",
        "route": "decoder",
        "created_at": NOW - timedelta(days=days),
        "p_yes": p_yes,
        "verdict": YES if p_yes > 0.4 else NO,
        "candidate_light": Light.GREEN if abs(p_yes - 0.4) > 0.3 else Light.YELLOW,
        "thresholds_digest": "aa",
    }
    return record(text, **{**fields, **changes})


WORDS = [
    "Antrag",
    "Befund",
    "Anlage",
    "Gutachten",
    "Diagnose",
    "Therapie",
    "Verordnung",
    "Kasse",
    "Pflege",
    "Reha",
]
TEMPLATES = [f"Vorlage {i}: {WORDS[i % 10]} {WORDS[i % 7]} {WORDS[i % 3]}" for i in range(30)]


def text(rng, number):
    """Half of the traffic is a few templates, half new texts."""
    return TEMPLATES[rng.integers(30)] if rng.random() < 0.5 else f"{' '.join(rng.choice(WORDS, 5))} {number}"


def run(settings, records, **options):
    async def write():
        async with open_store(settings.store_url) as store:
            await store.append_many(records)

    asyncio.run(write())
    rows = drift(settings, windows_of(NOW, current_days=7), routes=["decoder"], **options).comparisons
    return {(row.group.language, row.column): row for row in rows}


def alarms(rows):
    return {name for name, row in rows.items() if row.verdict is Verdict.DRIFT}


@pytest.mark.parametrize(("before", "after"), [(40, 320), (160, 40)])
def test_more_or_less_traffic_of_the_same_kind_raises_no_alarm(settings, before, after):
    rng = np.random.default_rng(before)
    days = [*rng.uniform(7, 35, 28 * before), *rng.uniform(0.01, 7, 7 * after)]
    rows = run(settings, [answer(rng, text(rng, i), float(d)) for i, d in enumerate(days)], alpha=0.05)
    assert alarms(rows) == set()
    assert rows["en", "p_yes"].current == 7 * after
    assert rows["en", "p_yes"].effective[1] < 7 * after
    tested = {column for (_, column), row in rows.items() if row.outcome is not None}
    assert tested >= {"p_yes", "verdict", "candidate_light", "input_characters", "input_text", "outcome"}


def test_the_first_calibration_and_a_later_one_raise_no_alarm(settings):
    rng = np.random.default_rng(3)
    first = {"candidate_light": Light.YELLOW, "light_reason": LightReason.UNCALIBRATED}
    records = [
        answer(rng, f"text {i}", d, **({**first, "thresholds_digest": None} if d > 7 else {}))
        for i, d in enumerate(rng.uniform(0.01, 35, 1000))
    ]
    rows = run(settings, records)
    assert alarms(rows) == set()
    assert rows["en", "candidate_light"].verdict is Verdict.TOO_FEW
    assert rows["en", "p_yes"].verdict is Verdict.NONE_SEEN
    later = [
        answer(rng, f"new {i}", d, thresholds_digest="bb", verdict=YES, candidate_light=Light.GREEN)
        for i, d in enumerate(rng.uniform(0.01, 1, 300))
    ]
    rows = run(settings, later)
    assert not {("en", "candidate_light"), ("en", "verdict")} & alarms(rows)
    assert rows["en", "verdict"].other_thresholds > 0


def test_calls_that_fail_are_drift_of_the_outcome(settings):
    rng = np.random.default_rng(4)
    days = rng.uniform(0.01, 35, 600)
    fails = rng.random(600) < 0.5
    records = [
        answer(rng, f"text {i}", d, **(FAILED if d < 7 and fails[i] else {})) for i, d in enumerate(days)
    ]
    assert alarms(run(settings, records)) == {("en", "outcome")}


def test_a_mix_of_languages_that_turns_over_is_drift(settings):
    rng = np.random.default_rng(5)
    records = [
        answer(rng, f"text {i}", d, language="en" if (rng.random() < 0.9) == (d > 7) else "de")
        for i, d in enumerate(rng.uniform(0.01, 35, 1000))
    ]
    rows = run(settings, records)
    assert alarms(rows) == {(ALL, "language")}
    assert rows[ALL, "language"].outcome.test == "Fisher"


def test_a_stored_time_without_a_zone_does_not_stop_the_job(settings):
    """Earlier versions accepted one, and then no night had a report."""
    rng = np.random.default_rng(6)
    run(settings, [answer(rng, f"text {i}", d) for i, d in enumerate(rng.uniform(0.01, 35, 100))])
    path = settings.store_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE record SET body = json_set(body, '$.created_at', '2026-11-24T12:00:00') WHERE rowid % 2"
        )
    connection.close()
    assert run(settings, [])["en", "outcome"].reference > 50
