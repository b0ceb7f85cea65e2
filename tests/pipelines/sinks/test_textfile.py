"""The files that node_exporter's textfile collector reads."""

import time
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines.evaluate.publish import write_metrics
from pipelines.sinks import textfile
from signalbox.contracts import metrics
from signalbox.contracts.metric import Metric
from signalbox.contracts.record import ModelRelease
from tests.helpers import RELEASE
from tests.pipelines.evaluations import BASELINES, EN, evaluation


def samples(*paths: Path):
    """(name, labels) → value of every sample in the files."""
    pairs = []
    for path in paths:
        for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
            pairs += [((s.name, tuple(sorted(s.labels.items()))), s.value) for s in family.samples]
    return pairs


def value(path: Path, metric: Metric, **labels: str) -> float:
    return dict(samples(path))[metric.name, tuple(sorted(labels.items()))]


def test_the_values_are_those_of_the_summaries(tmp_path):
    path = write_metrics(tmp_path / "metrics", evaluation())
    assert path.name == "evaluate-toy-decoder.prom"
    where = {"task": "toy", "tier": "hard", "language": "en", "route": "decoder", "release": RELEASE.key}
    summary = evaluation().summaries[EN]
    assert value(path, metrics.EVAL_ACCURACY, **where) == 0.5
    assert value(path, metrics.EVAL_ROWS, **where) == 4
    assert value(path, metrics.EVAL_ACCURACY_BOUND, **where, bound="low") == summary.interval[0]
    assert value(path, metrics.EVAL_ACCURACY_BOUND, **where, bound="high") == summary.interval[1]
    assert value(path, metrics.EVAL_BRIER, **where) == summary.brier
    assert value(path, metrics.EVAL_ECE, **where) == summary.ece
    assert (
        value(path, metrics.EVAL_LATENCY, **where, quantile="0.5") == 2.0
    )  # of the three with a justification
    assert value(path, metrics.EVAL_COVERAGE, **where, light="red") == 0.25
    assert value(path, metrics.EVAL_LIGHT_ERROR, **where, light="red") == 1.0
    baselines = path.with_name("evaluate-toy-baselines.prom")
    for name, accuracy in BASELINES.items():
        assert (
            value(baselines, metrics.EVAL_BASELINE, task="toy", tier="hard", language="de", baseline=name)
            == accuracy
        )


def test_what_does_not_exist_has_no_sample(tmp_path):
    path = write_metrics(tmp_path, evaluation([("yes", "en", "neutral", None, "red")]))
    names = Counter(name for (name, _), _ in samples(path))
    assert metrics.EVAL_BRIER.name not in names
    assert names[metrics.EVAL_LIGHT_ERROR.name] == 1  # red
    assert names[metrics.EVAL_COVERAGE.name] == 3


def test_every_name_label_and_kind_is_in_the_contracts(tmp_path):
    write_metrics(tmp_path, evaluation())
    contract = {metric.name: metric for metric in metrics.ALL}
    for path in tmp_path.iterdir():
        for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
            metric = contract[family.name]
            assert (family.type, family.documentation) == (metric.kind, metric.help)
            assert all(set(sample.labels) == set(metric.labels) for sample in family.samples)


def test_no_two_files_hold_the_same_series(tmp_path):
    """The collector merges all files and rejects a series that it has seen."""
    for task in ("toy", "other"):
        for route in ("encoder", "decoder", "cascade"):
            write_metrics(tmp_path, evaluation(task=task, route=route))
    counts = Counter(key for key, _ in samples(*tmp_path.iterdir()))
    assert counts.most_common(1)[0][1] == 1
    assert len([key for key in counts if key[0] == metrics.JOB_LAST_SUCCESS.name]) == 6


def test_the_last_success_is_now(tmp_path):
    before = time.time()
    path = write_metrics(tmp_path, evaluation())
    assert before <= value(path, metrics.JOB_LAST_SUCCESS, job="evaluate-toy-decoder") <= time.time()


@pytest.mark.parametrize("job", ["train-toy", "calibrate-toy-decoder", "compare-toy"])
def test_a_job_without_figures_leaves_when_it_succeeded(tmp_path, job):
    before = time.time()
    path = textfile.write_success(tmp_path / "metrics", job)
    assert path == tmp_path / "metrics" / f"{job}.prom"
    assert before <= value(path, metrics.JOB_LAST_SUCCESS, job=job) <= time.time()
    assert len(samples(path)) == 1


def test_a_strange_release_is_escaped(tmp_path):
    strange = ModelRelease(name='a "quoted"\\path\nname', revision="1", engine="e", quantization="q")
    example = evaluation()
    path = write_metrics(tmp_path, type(example)(**{**vars(example), "releases": (strange,)}))
    keys = {dict(labels).get("release") for (_, labels), _ in samples(path)}
    assert strange.key in keys


def test_a_file_is_replaced_whole(tmp_path):
    """A new file under the old name: a reader that has the old one open still reads all of it."""
    path = write_metrics(tmp_path, evaluation())
    with path.open(encoding="utf-8") as reader:
        write_metrics(tmp_path, evaluation([("yes", "en", "yes", 0.9, "yellow")]))
        old = reader.read()
    assert 'language="de"' in old
    assert 'language="de"' not in path.read_text(encoding="utf-8")
    assert {p.suffix for p in tmp_path.iterdir()} == {".prom"}


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_metrics(tmp_path, evaluation())
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.rename", full)
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        write_metrics(tmp_path, evaluation())
    assert path.read_bytes() == before
