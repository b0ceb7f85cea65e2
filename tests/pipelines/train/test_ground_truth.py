"""Labels from people, for a task whose labels were renamed and removed since."""

import asyncio
import logging

import pytest
import yaml

from pipelines.baselines import teachable
from pipelines.classes import Classes
from pipelines.train.job import _ground_truth
from signalbox.contracts.labels import ABSTAIN
from signalbox.contracts.record import Feedback
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import load_task
from tests.helpers import record

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
