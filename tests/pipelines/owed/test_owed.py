"""Open decisions: which are open, how many labels decide them, and the command over a real store."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.judge.criteria import Criterion
from pipelines.owed.decisions import (
    Answers,
    Decision,
    Inputs,
    accuracy_decisions,
    judge_decisions,
    labels_for_width,
    open_decisions,
)
from pipelines.owed.job import newest_summaries
from pipelines.statistics import clopper_pearson_interval
from signalbox.cli import installed_app
from signalbox.contracts.labels import NO, YES
from signalbox.contracts.record import Feedback
from signalbox.settings import Settings
from signalbox.store import open_store
from tests.helpers import RELEASE, record
from tests.pipelines.world import write_task

CRITERIA = [
    Criterion(name="verdict", question="Right?", checked=True),
    Criterion(name="style", question="Nice?"),
]
NOW = datetime.now(UTC)


def summary(gate, until="2026-11-25T00:00:00Z", task="toy"):
    row = {"criterion": "verdict", "language": "en", "gate": gate}
    plan = {"options": {"judge": "j", "route": "decoder", "task": task}, "until": until}
    return {"plan": plan, "figures": [row, {**row, "criterion": "style", "gate": None}]}


def gate(trust, needed=None):
    return {"trust": trust, "right": {"labels": 20}, "wrong": {"labels": 5}, "labels_needed": needed}


def inputs(answers=(), **summaries):
    return Inputs(answers, summaries, CRITERIA)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
def test_the_labels_for_a_width_are_enough_and_not_many_too_many(share):
    count = labels_for_width(share, 0.05)
    low, high = clopper_pearson_interval(round(share * count), count)
    assert high - low <= 0.1 + 0.01
    low, high = clopper_pearson_interval(round(share * 0.9 * count), round(0.9 * count))
    assert high - low > 0.1 - 0.01


def test_a_share_is_open_until_its_labels_are_enough():
    needed = labels_for_width(0.9, 0.05)
    (one,) = accuracy_decisions(inputs([Answers("decoder", "en", 500, 60, 50, 45)]))
    assert (one.labels, one.needed, one.missing) == (50, needed, needed - 50)
    assert accuracy_decisions(inputs([Answers("decoder", "en", 500, 300, 300, 270)])) == []
    (unknown,) = accuracy_decisions(inputs([Answers("decoder", "de", 500, 0, 0, 0)]))
    assert unknown.needed == labels_for_width(0.5, 0.05)


def test_a_judge_is_open_while_it_is_inconclusive():
    (one,) = judge_decisions(inputs(decoder=summary(gate("inconclusive", 90))))
    assert (one.labels, one.needed, one.language) == (25, 90, "en")
    assert judge_decisions(inputs(decoder=summary(gate("trusted")))) == []
    (unlabeled,) = judge_decisions(inputs(decoder=summary(None)))
    assert unlabeled.labels == 0
    assert unlabeled.needed >= 22


def test_the_decision_that_settles_most_answers_for_a_label_is_first():
    small = Answers("decoder", "de", 100, 0, 0, 0)
    large = Answers("decoder", "en", 9000, 0, 0, 0)
    decisions = open_decisions(inputs([small, large]))
    assert [one.language for one in decisions] == ["en", "de"]


def test_another_kind_of_decision_is_a_row_of_the_table():
    other = Decision("certificate", "green for Yes", "decoder", "en", 19, 28, 400)
    assert open_decisions(inputs(), {"certificate": lambda _: [other]}) == [other]


def test_the_newest_summary_of_the_task_counts_and_a_torn_one_is_left_out(tmp_path, caplog):
    files = {
        "old": json.dumps(summary(None)),
        "new": json.dumps(summary(gate("trusted"), until="2026-11-26T00:00:00Z")),
        "other": json.dumps(summary(None, until="2026-11-27T00:00:00Z", task="tickets")),
        "torn": '{"plan": {"opt',
    }
    for name, text in files.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text(text)
    assert newest_summaries(tmp_path, "toy")["decoder"]["figures"][0]["gate"]["trust"] == "trusted"
    assert any("left out" in message.message for message in caplog.records)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    task = write_task(tmp_path / "task", "toy", [])
    monkeypatch.setenv("SIGNALBOX_TASK", str(task))
    monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path / "run"))
    return Settings(task=task, state_dir=tmp_path / "run")


def test_the_command_counts_labels_that_were_asked_for_of_the_newest_release(settings):
    old = RELEASE.model_copy(update={"revision": "r0"})
    asked = {"asked": True, "asked_at": NOW, "propensity": 0.5}
    rows = [
        record(
            f"text {i}",
            id=f"r{i}",
            task="toy",
            route="decoder",
            verdict=YES if i % 4 else NO,
            release=old if i < 10 else RELEASE,
            created_at=NOW - timedelta(hours=50 - i),
            **(asked if i % 2 else {}),
        )
        for i in range(40)
    ]

    async def write():
        async with open_store(settings.store_url) as store:
            await store.append_many(rows)
            for i in range(36):
                await store.add_feedback(Feedback(prediction_id=f"r{i}", label="yes"))

    asyncio.run(write())
    result = CliRunner().invoke(app, ["labels", "owed", "--json"])
    assert result.exit_code == 0, result.output
    (one,) = json.loads(result.stdout)
    # 30 answers of the newest release; 13 of their labels were asked for.
    assert (one["answers"], one["labels"], one["kind"]) == (30, 13, "accuracy")
    assert one["missing"] == one["needed"] - 13
    table = CliRunner().invoke(installed_app(), ["labels", "owed"])
    assert "share of right answers within 5 points" in table.output


def test_without_answers_nothing_is_open(settings):
    result = CliRunner().invoke(app, ["labels", "owed"])
    assert result.exit_code == 0, result.output
    assert "No open decision" in result.output
