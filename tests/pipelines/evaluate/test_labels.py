"""Figures, report and plots of tasks with three and with twenty labels."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines.classes import Classes, today
from pipelines.evaluate import plots, publish, report
from pipelines.evaluate.evaluation import Evaluation
from pipelines.evaluate.summary import confusion, correct, summarize
from pipelines.strata import Stratum
from signalbox.contracts import metrics
from signalbox.contracts.labels import ABSTAIN, NEUTRAL
from signalbox.tasks import Task
from tests.helpers import RELEASE, record
from tests.pipelines.evaluations import BASELINES
from tests.pipelines.world import row

THREE = Classes(("Netz/LAN", "Größe|A", "חירום"), abstain=True)
PLAIN = Stratum(None, "en")
TWENTY = Classes(tuple(f"Größe {i}/ä" for i in range(20)))


def answered(number, classes, verdict, score=0.8, **changes):
    """An answer whose probability is mostly on the verdict."""
    rest = 0.2 / (len(classes.labels) - 1)
    probabilities = {label: 0.8 if label == verdict else rest for label in classes.labels}
    if verdict not in classes.labels:
        probabilities = None
    return record(f"{number}", verdict=verdict, probabilities=probabilities, score=score, **changes)


def evaluation(classes, pairs):
    """Ground truth and verdicts as an evaluation in English."""
    rows = tuple(row(i, label, "x") for i, (label, _) in enumerate(pairs))
    records = tuple(
        answered(i, classes, verdict, None if verdict == NEUTRAL else 0.8)
        for i, (_, verdict) in enumerate(pairs)
    )
    labels = [label for label, _ in pairs]
    summary = summarize(records, labels, BASELINES, classes, PLAIN)
    return Evaluation("toy", "decoder", (RELEASE,), {PLAIN: summary}, rows, records, classes)


NETZ, SIZE, ALARM = THREE.labels
MIXED = [(NETZ, NETZ), (NETZ, SIZE), (SIZE, SIZE), (ALARM, NEUTRAL), (ABSTAIN, NEUTRAL)]
EXAMPLES = {
    "three": evaluation(THREE, MIXED),
    "twenty": evaluation(TWENTY, [(label, label) for label in TWENTY.labels]),
}


def test_to_abstain_is_right_for_none_of_these_and_wrong_for_all_else():
    assert correct(record(verdict=NEUTRAL), ABSTAIN)
    assert not correct(record(verdict=NEUTRAL), NETZ)
    assert not correct(record(verdict=NETZ), ABSTAIN)
    assert EXAMPLES["three"].right == [True, False, True, False, True]


def test_figures_of_three_labels():
    summary = EXAMPLES["three"].summaries[PLAIN]
    assert summary.accuracy == pytest.approx(3 / 5)
    assert [one.recall for one in summary.labels.values()] == [0.5, 1.0, 0.0]
    assert [one.precision for one in summary.labels.values()] == [1.0, 0.5, None]
    assert summary.balanced_accuracy == pytest.approx(0.5)
    assert summary.confusion[NETZ] == {NETZ: 1, SIZE: 1, ALARM: 0, NEUTRAL: 0}
    assert summary.confusion[ABSTAIN] == {NETZ: 0, SIZE: 0, ALARM: 0, NEUTRAL: 1}
    # Two right answers and one wrong one have probabilities; each label has 0.8 or 0.1.
    right, wrong = 0.2**2 + 2 * 0.1**2, 0.8**2 + 0.9**2 + 0.1**2
    assert summary.brier == pytest.approx((2 * right + wrong) / 3)
    # The score is 0.8 each time, and two of three answers that have one are right.
    assert summary.ece == pytest.approx(abs(0.8 - 2 / 3))
    assert set(summary.auc_by_label) == {NETZ, SIZE}
    assert summary.auc == pytest.approx(sum(summary.auc_by_label.values()) / 2)


def test_certain_and_right_answers_of_twenty_labels_have_the_best_figures():
    summary = EXAMPLES["twenty"].summaries[PLAIN]
    assert summary.accuracy == summary.balanced_accuracy == summary.macro_f1 == summary.auc == 1.0
    assert len(summary.auc_by_label) == 20


def test_a_verdict_that_the_task_no_longer_has_keeps_a_column():
    table = confusion([record(verdict="printer"), record(verdict=NETZ)], [NETZ, NETZ], THREE)
    assert table[NETZ] == {NETZ: 1, SIZE: 0, ALARM: 0, NEUTRAL: 0, "printer": 1}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_table_has_rows_of_one_width(name):
    example = EXAMPLES[name]
    text = report.markdown(example)
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1
    summary = example.summaries[PLAIN]
    assert text.count("\n|  | en | ") == 3 + len(summary.labels) + len(summary.confusion)


@pytest.mark.parametrize("name", EXAMPLES)
def test_figures_of_labels_are_logged_by_slug(name):
    summary = EXAMPLES[name].summaries[PLAIN]
    flat = report.flat(summary)
    assert all(re.fullmatch(r"[\w./ -]+", key, re.ASCII) for key in flat)
    assert sum(key.startswith("recall_") for key in flat) == len(summary.labels)


def test_a_task_of_many_labels_has_as_many_series(tmp_path):
    example = EXAMPLES["three"]
    path = publish.write_metrics(tmp_path, example)
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    samples = [sample for family in families for sample in family.samples]
    recall = {s.labels["label"]: s.value for s in samples if s.name == metrics.EVAL_LABEL_RECALL.name}
    slugs = example.classes.slugs
    assert recall == {slugs[NETZ]: 0.5, slugs[SIZE]: 1.0, slugs[ALARM]: 0.0}
    counts = [s for s in samples if s.name == metrics.EVAL_CONFUSION.name]
    assert sum(s.value for s in counts) == len(MIXED)
    assert {s.labels["verdict"] for s in counts} == {slugs[NETZ], slugs[SIZE], slugs[ALARM], NEUTRAL}


@pytest.mark.parametrize("name", EXAMPLES)
def test_plots_have_all_labels(name):
    example = EXAMPLES[name]
    axes = plots.confusion_figure(example.summaries[PLAIN]).axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == list(example.classes.verdicts)
    assert [t.get_text() for t in axes.get_yticklabels()] == list(example.classes.answers)
    axes = plots.reliability_figure(example, PLAIN).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("mean score in bin", "share of right answers")


# --- names of today ---------------------------------------------------------------------------------------

RENAMED = Task.model_validate(
    {
        "name": "toy",
        "title": {},
        "question": {},
        "labels": [
            {"name": "network", "words": {"en": ["Network"]}, "former": ["lan", "wifi"]},
            {"name": "other", "words": {"en": ["Other"]}},
        ],
        "languages": {"en": {"system": "s", "turns": []}},
        "folder": ".",
    }
)


def test_a_record_has_the_names_of_today_and_nothing_is_lost():
    old = record(verdict="wifi", probabilities={"lan": 0.25, "wifi": 0.5, "other": 0.25})
    new = today(RENAMED, old)
    assert (new.verdict, new.probabilities) == ("network", {"network": 0.75, "other": 0.25})
    assert (old.verdict, new.id) == ("wifi", old.id)
    stranger = record(verdict="printer", probabilities={"printer": 0.5, "other": 0.5})
    assert today(RENAMED, stranger) is stranger
