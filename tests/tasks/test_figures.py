"""Figures of the task `medical`: they do not depend on how many labels a task may have."""

import hashlib
import json
from pathlib import Path

import pytest

from pipelines.baselines import BASELINES, Tfidf, accuracy
from pipelines.classes import Classes
from signalbox import thresholds
from signalbox.tasks import load_data, load_task

TASK = load_task(Path("tasks/medical"))
ROWS = load_data(TASK, tier="hard")
CLASSES = Classes.of(TASK)
PROMPTS = {
    "en": "18baac5950b5f50c56eb2f0f726af50322b746e2abefa7c12e5d3611e832a353",
    "de": "a429793fd71163315988b595dbb4ae166cbca120e48281efb0a93f67cff7c725",
}


def part(language: str, split: str):
    return [row for row in ROWS if (row.language, row.split) == (language, split)]


@pytest.mark.parametrize("language", PROMPTS)
def test_the_prompt_is_the_same(language):
    chat = json.dumps(TASK.messages("{the text}", language), ensure_ascii=False)
    assert hashlib.sha256(chat.encode()).hexdigest() == PROMPTS[language]


@pytest.mark.parametrize(
    ("language", "split", "figures"),
    [
        ("en", "few-shot", (64, 63, 65)),
        ("en", "calibration", (64, 63, 62)),
        ("de", "few-shot", (64, 66, 64)),
        ("de", "calibration", (64, 71, 64)),
    ],
)
def test_the_baselines_are_the_same(language, split, figures):
    """Right answers of 128 test rows: majority, length, TF-IDF."""
    train, test = part(language, split), part(language, "test")
    assert tuple(round(accuracy(make(CLASSES), train, test) * 128) for make in BASELINES.values()) == figures


@pytest.mark.parametrize(
    ("language", "decision", "confident"),
    [
        ("en", 0.37860665821469397, (None, None)),
        ("de", 0.5476539817588372, (None, None)),
    ],
)
def test_the_thresholds_are_the_same(language, decision, confident):
    few_shot, calibration = part(language, "few-shot"), part(language, "calibration")
    model = Tfidf(CLASSES).fit([row.text for row in few_shot], [row.label for row in few_shot])
    probabilities = model.probabilities([row.text for row in calibration])
    labels = [row.label for row in calibration]
    fitted = thresholds.fit(probabilities, labels, positive=TASK.positive)
    assert fitted.decision == pytest.approx(decision, abs=1e-9)
    assert [fitted.verdicts[label].confident for label in ("yes", "no")] == [
        None if bound is None else pytest.approx(bound, abs=1e-9) for bound in confident
    ]
    assert {cuts.unclear for cuts in fitted.verdicts.values()} == {fitted.decision}
