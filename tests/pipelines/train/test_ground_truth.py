"""Labels from people, for a task whose labels were renamed and removed since."""

import asyncio
import logging
from datetime import UTC, datetime

import pytest
import yaml

from pipelines.baselines import teachable
from pipelines.classes import Classes
from pipelines.train.ground_truth import rows_to_learn
from pipelines.train.job import _ground_truth
from signalbox.contracts.labels import ABSTAIN
from signalbox.contracts.record import Feedback, LabeledText
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import load_task
from tests.helpers import record
from tests.pipelines.world import row

TASK = {
    "name": "toy",
    "title": {},
    "question": {},
    "labels": [
        {"name": "network", "words": {"en": ["Network"]}, "former": ["lan"]},
        {"name": "other", "words": {"en": ["Other"]}},
    ],
    "abstain": True,
    "languages": {"en": {"system": "s", "turns": []}},
}


@pytest.fixture
def settings(tmp_path) -> Settings:
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(TASK), encoding="utf-8")
    return Settings(task=tmp_path, state_dir=tmp_path)


def test_rows_count_for_the_labels_of_today_and_what_is_left_out_is_logged(settings, caplog):
    async def fill() -> None:
        async with open_store(settings.store_url) as store:
            for label in ("lan", "network", "other", "printer", "printer", ABSTAIN):
                prediction = record(label, task="toy", probabilities=None)
                await store.append(prediction)
                await store.add_feedback(Feedback(prediction_id=prediction.id, label=label))

    asyncio.run(fill())
    with caplog.at_level(logging.WARNING):
        task = load_task(settings.task)
        rows = teachable(Classes.of(task), _ground_truth(settings, task))
    assert sorted((row.text, row.label) for row in rows) == [
        ("lan", "network"),
        ("network", "network"),
        ("other", "other"),
    ]
    (warning,) = [entry for entry in caplog.records if "left out" in entry.message]
    assert (warning.label, warning.rows) == ("printer", 2)


# --- which entries become rows ----------------------------------------------------------------------------


def entry(number, text, label="network"):
    """What the store has of one prediction."""
    return row(number, label, "x", split="feedback").model_copy(update={"text": text})


def test_a_text_that_is_labeled_three_times_is_one_row_with_its_newest_label():
    entries = [entry(1, "Same text."), entry(2, "Same text.", "other"), entry(3, " same  TEXT. ", "other")]
    truth = rows_to_learn([*entries, entry(4, "Another text.")], [], [])
    assert [(one.id, one.label) for one in truth.rows] == [
        ("en-feedback-3", "other"),
        ("en-feedback-4", "network"),
    ]
    assert len({one.family for one in truth.rows}) == 2
    assert truth.left_out() == {"repeated": 2, "contradicted": 1}


@pytest.mark.parametrize("split", ["calibration", "test"])
def test_a_text_of_a_split_that_is_held_out_is_left_out_in_every_tier(split):
    data = [row(1, "network", "x", split=split).model_copy(update={"text": "Known text.", "tier": "hard"})]
    truth = rows_to_learn([entry(1, "Known text."), entry(2, "KNOWN  text. "), entry(3, "New.")], data, [])
    assert [one.text for one in truth.rows] == ["New."]
    assert truth.left_out() == {"held_out": 2}


def test_a_text_that_is_learned_anyway_is_not_learned_twice():
    data = [row(1, "network", "x", split="few-shot").model_copy(update={"text": "Known text."})]
    truth = rows_to_learn([entry(1, "Known text.", "other")], data, data)
    assert (truth.rows, truth.left_out()) == ((), {"known": 1})


def test_feedback_on_the_pool_keeps_the_family_of_its_paraphrases():
    """The scripted reviewer labels texts of the pool; three sentences of one argument are not three families."""
    data = [
        row(i, "network", "x", split="pool").model_copy(update={"text": f"Pool {i}.", "family": "argument"})
        for i in range(3)
    ]
    truth = rows_to_learn([entry(i, f"Pool {i}.") for i in range(3)], data, [])
    assert [one.family for one in truth.rows] == ["argument"] * 3
    assert truth.left_out() == {}


def test_the_newest_entry_of_all_predictions_counts_not_that_of_the_newest_prediction(settings):
    """The older prediction is labeled again, later."""

    async def fill() -> list[LabeledText]:
        async with open_store(settings.store_url) as store:
            first, second = (record("same", task="toy", probabilities=None, id=name) for name in ("a", "b"))
            for prediction, label, minute in ((first, "lan", 1), (second, "lan", 2), (first, "other", 3)):
                await store.append(prediction)
                when = datetime(2026, 1, 1, 0, minute, tzinfo=UTC)
                await store.add_feedback(Feedback(prediction_id=prediction.id, label=label, created_at=when))
            return await store.ground_truth("toy")

    truth = rows_to_learn(asyncio.run(fill()), [], [])
    assert [one.label for one in truth.rows] == ["other"]
    assert (truth.repeated, truth.contradicted) == (1, 1)
