"""The job over a real encoder: trained, served on KServe, and published to MLflow."""

import dataclasses
import json
from pathlib import Path

import mlflow
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.evidence.faithfulness import OrderScores
from pipelines.evidence.job import measure_evidence, rows_of
from pipelines.evidence.journal import Journal
from pipelines.evidence.result import Row
from signalbox.errors import InputError, ModelError
from signalbox.settings import Settings
from signalbox.tasks import load_task
from tests.helpers import RELEASE, free_port, running_encoder

TASK = load_task(Path("tasks/medical"))


def test_the_task_has_forty_texts_a_language_with_a_decisive_sentence():
    rows = rows_of(TASK)
    assert {language: sum(row.language == language for row in rows) for language in ("de", "en")} == {
        "de": 40,
        "en": 40,
    }
    assert all(row.decisive and row.split == "test" for row in rows)


def test_a_task_without_texts_of_several_sentences_is_an_error(tmp_path):
    (tmp_path / "task.yaml").write_text(Path("tasks/medical/task.yaml").read_text("utf-8"), "utf-8")
    row = {
        "id": "a",
        "text": "One sentence.",
        "label": "yes",
        "language": "en",
        "family": "a",
        "split": "test",
    }
    (tmp_path / "data.jsonl").write_text(json.dumps(row), "utf-8")
    with pytest.raises(InputError, match=r"data\.jsonl") as error:
        measure_evidence(Settings(task=tmp_path), models=["encoder"], track=False)
    assert "decisive" in error.value.hint


def test_texts_of_several_sentences_count_where_nothing_is_known_to_be_decisive(tmp_path):
    (tmp_path / "task.yaml").write_text(Path("tasks/medical/task.yaml").read_text("utf-8"), "utf-8")
    rows = [
        {"id": str(i), "text": text, "label": "yes", "language": "en", "family": str(i), "split": "test"}
        for i, text in enumerate(("One sentence.", "Two of them. Here."))
    ]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    assert [row.id for row in rows_of(load_task(tmp_path))] == ["1"]


def test_a_model_that_is_down_is_an_error_and_not_a_figure(tmp_path):
    settings = Settings(state_dir=tmp_path, encoder_port=free_port())
    with pytest.raises(ModelError):
        measure_evidence(settings, models=["encoder"], track=False)
    assert not (tmp_path / "metrics").exists()


def test_a_model_that_does_not_exist_is_named():
    result = CliRunner().invoke(app, ["evidence", "--model", "judge"])
    assert result.exit_code == 2
    assert "`judge`" in result.output or "'judge'" in result.output


ROW = Row(
    "t1",
    "en",
    (3, 4),
    (0.5, 0.1),
    0,
    True,
    {"evidence": OrderScores(0.5, 0.1), "random": OrderScores(0.3, 0.3), "reversed": OrderScores(0.1, 0.5)},
    None,
)


def test_an_interrupted_measurement_continues_after_the_last_text(tmp_path):
    settings, [first, second, *_] = Settings(state_dir=tmp_path), rows_of(TASK)
    journal = Journal(settings, TASK, RELEASE, None)
    journal.add(first, ROW)
    journal.add(second, None)
    [path] = (tmp_path / "evidence").iterdir()
    with path.open("ab") as file:
        file.write(b'["torn')
    again = Journal(settings, TASK, RELEASE, None)
    assert (again[first], again[second]) == (ROW, None)
    other = RELEASE.model_copy(update={"revision": "r2"})
    assert not Journal(settings, TASK, other, None).has(first, orders=False)
    assert not again.has(first.model_copy(update={"label": "no"}), orders=False)
    again.add(first, dataclasses.replace(ROW, orders=None))
    assert again.has(first, orders=False)
    assert not again.has(first, orders=True)


@pytest.mark.slow
def test_a_real_encoder_is_measured_and_published(tmp_path, mlflow_url):
    mlflow.MlflowClient(mlflow_url).create_experiment("medical", (tmp_path / "artifacts").as_uri())
    settings = Settings(state_dir=tmp_path, mlflow_url=mlflow_url)
    with running_encoder(settings, tmp_path) as url:
        served = settings.model_copy(update={"encoder_url": url})
        [result] = measure_evidence(served, models=["encoder"], limit=2)
        [again] = measure_evidence(served, models=["encoder"], limit=2, track=False, fresh=True)
        [partly] = measure_evidence(served, models=["encoder"], limit=2, orders=1, track=False, fresh=True)
    assert again == result
    assert [row.weights for row in partly.rows] == [row.weights for row in result.rows]
    assert partly.figures["all"].ordered_rows == 4
    assert (len(result.rows), result.left_out) == (8, 0)
    for row in result.rows:
        assert row.decisive is not None
        assert row.orders
        assert len(row.weights) == len(row.lengths) > 1
        # Leaving out the top part first is the best first step, because it is what was measured.
        assert row.orders["evidence"].comprehensiveness > row.orders["reversed"].comprehensiveness
        assert row.orders["evidence"].comprehensiveness == pytest.approx(row.orders["reversed"].sufficiency)
    client = mlflow.MlflowClient(mlflow_url)
    [run] = client.search_runs([client.get_experiment_by_name("medical").experiment_id])
    assert run.data.tags["signalbox.job"] == "evidence"
    assert run.data.metrics["texts.en"] == 4
    assert {"pointing.de", "sufficiency_evidence.all", "comprehensiveness_gain_low.all"} <= set(
        run.data.metrics
    )
    assert (tmp_path / "metrics" / "evidence-medical-encoder.prom").exists()
