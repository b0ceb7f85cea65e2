"""Open decisions: which are open, how many labels decide them, and the command over a real store."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.compare.results import SavedAnswer, SavedComparison, SavedModel
from pipelines.judge.criteria import Criterion
from pipelines.owed.decisions import (
    Answers,
    Decision,
    Inputs,
    OpenCampaign,
    accuracy_decisions,
    compare_decisions,
    green_decisions,
    judge_decisions,
    labels_for_width,
    open_decisions,
)
from pipelines.owed.job import newest_summaries
from pipelines.owed.sources import conclusions, conclusions_of
from pipelines.statistics import clopper_pearson_interval
from signalbox.certificate.issue import Outlook
from signalbox.cli import installed_app
from signalbox.contracts.labels import ABSTAIN, NEUTRAL, NO, YES
from signalbox.contracts.record import Feedback
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import load_task
from signalbox.tasks.certificate import CertificateSpec
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


def test_green_is_open_until_its_first_threshold_passes():
    answers = Answers("encoder", "en", 900, 0, 0, 0, {"yes": 400, "no": 300, "maybe": 200})
    campaigns = [
        OpenCampaign("encoder", "en", "yes", Outlook(0.5, labels=20, errors=1, missing=30)),
        OpenCampaign("encoder", "en", "no", Outlook(0.5, labels=40, errors=0, missing=0)),
    ]
    found = green_decisions(Inputs([answers], {}, [], campaigns, CertificateSpec()))
    rows = {one.subject: (one.labels, one.needed, one.answers) for one in found}
    assert rows == {"surest 50% green (yes)": (20, 50, 200), "first green answers (maybe)": (0, 35, 200)}
    assert green_decisions(Inputs([answers], {}, [])) == []


def saved(right, name="a"):
    """A model that is right on the rows with a 1; the majority says yes, which is right on every second row."""

    def model(title, shares):
        answers = tuple(
            SavedAnswer(
                row=f"r{i}",
                tier="everyday",
                language="en",
                label=("yes", "no")[i % 2],
                verdicts=(("yes", "no")[i % 2] if share else ("no", "yes")[i % 2],),
            )
            for i, share in enumerate(shares)
        )
        return SavedModel(name=title, kind="decoder", release=None, size_bytes=1, answers=answers)

    majority = model("majority", [1 - i % 2 for i in range(len(right))])
    return SavedComparison(
        task="toy", margin=0.05, data_digest="d", prompt_digest="p", models=(majority, model(name, right))
    )


def test_a_comparison_is_open_while_no_model_is_shown_to_do_it():
    good = conclusions_of(saved([1] * 200), {})
    assert good["everyday", "en"].model == "a"
    assert compare_decisions(Inputs([], {}, [], conclusions=good)) == []
    poor = conclusions_of(saved([1, 0] * 30), {})
    answers = [Answers("encoder", "en", 500, 0, 0, 0), Answers("decoder", "en", 70, 0, 0, 0)]
    (one,) = compare_decisions(Inputs(answers, {}, [], conclusions=poor))
    assert (one.subject, one.route, one.labels, one.answers) == (
        "which model does it on everyday",
        None,
        60,
        500,
    )


def test_a_row_without_an_answer_counts_as_wrong():
    comparison = saved([1] * 60)
    majority, model = comparison.models
    first = model.answers[0].model_copy(update={"verdicts": ()})
    model = model.model_copy(update={"answers": (first, *model.answers[1:])})
    shown = conclusions_of(comparison.model_copy(update={"models": (majority, model)}), {})
    assert shown["everyday", "en"].finding("a").accuracy == pytest.approx(59 / 60)


def test_neutral_is_right_on_a_row_that_is_none_of_the_labels():
    comparison = saved([1] * 60)

    def on_none(model, *verdicts):
        update = {"label": ABSTAIN, "verdicts": verdicts}
        return model.model_copy(
            update={"answers": (model.answers[0].model_copy(update=update), *model.answers[1:])}
        )

    majority, model = comparison.models
    for verdicts, share in [((NEUTRAL,), 1.0), ((NEUTRAL, YES), 0.5), ((YES,), 0.0)]:
        models = (on_none(majority, YES), on_none(model, *verdicts))
        shown = conclusions_of(comparison.model_copy(update={"models": models}), {})
        assert shown["everyday", "en"].finding("a").accuracy == pytest.approx((59 + share) / 60)


def test_a_comparison_that_cannot_be_read_shows_nothing(tmp_path, caplog):
    task = load_task(write_task(tmp_path / "task", "toy", []))
    (tmp_path / "answers.json").write_text("{}")
    assert conclusions(tmp_path, task) == {}
    assert conclusions(tmp_path / "none", task) == {}
    assert any("left out" in message.message for message in caplog.records)


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
    one, *green = sorted(json.loads(result.stdout), key=lambda row: row["kind"])
    assert [(row["kind"], row["labels"], row["needed"]) for row in green] == [("green", 0, 35)] * 2
    # 30 answers of the newest release; 13 of their labels were asked for.
    assert (one["answers"], one["labels"], one["kind"]) == (30, 13, "accuracy")
    assert one["missing"] == one["needed"] - 13
    table = CliRunner().invoke(installed_app(), ["labels", "owed"])
    assert "share of right answers within 5 points" in table.output


def test_without_answers_nothing_is_open(settings):
    result = CliRunner().invoke(app, ["labels", "owed"])
    assert result.exit_code == 0, result.output
    assert "No open decision" in result.output
