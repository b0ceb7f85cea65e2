"""The jobs on a task of five labels, end to end: a trained encoder, the real assessor, no decoder."""

import asyncio
import json
import shutil
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from local import stack
from local.processes import Supervisor
from pipelines.calibrate.job import calibrate
from pipelines.cli import app
from pipelines.compare.evaluations import compare_evaluations
from pipelines.compare.job import Options
from pipelines.drift.job import drift, windows_of
from pipelines.evaluate.job import evaluate
from pipelines.strata import Stratum
from pipelines.train.job import train
from services.encoder.runtime import Labels
from signalbox import thresholds
from signalbox.contracts import metrics
from signalbox.contracts.labels import NEUTRAL
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import load_task
from tests.helpers import free_port

pytestmark = pytest.mark.slow

TASK = load_task(Path("tasks/tickets"))
ROWS_PER_LABEL = 3


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Settings]:
    """A trained encoder and the assessor are up; nothing else is."""
    folder = tmp_path_factory.mktemp("tickets")
    mlflow_url = f"sqlite:///{shutil.copy(empty_store, folder / 'mlflow.db')}"
    mlflow.MlflowClient(mlflow_url).create_experiment(TASK.name, (folder / "artifacts").as_uri())
    settings = Settings(
        task=TASK.folder,
        state_dir=folder / "run",
        encoder_port=free_port(),
        assessor_port=free_port(),
        decoder_enabled=False,
        mlflow_url=mlflow_url,
    )
    train(settings)
    services = [stack.encoder(settings), stack.assessor(settings)]
    with Supervisor(settings.logs_dir) as supervisor:
        for service in services:
            assert service is not None
            supervisor.start(service)
            supervisor.wait_ready(service)
        yield settings


def samples(settings: Settings, job: str) -> list:
    text = (settings.state_dir / "metrics" / f"{job}.prom").read_text(encoding="utf-8")
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def post(settings: Settings, path: str, body: object) -> dict[str, Any]:
    """What the running encoder answers."""
    request = urllib.request.Request(
        f"{settings.encoder_base_url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def test_the_release_names_its_labels(settings: Settings) -> None:
    folder = settings.releases_dir / (settings.releases_dir / "current").read_text().strip()
    release = json.loads((folder / "release.json").read_text(encoding="utf-8"))
    assert (release["labels"], release["positive"]) == (list(TASK.names), None)
    assert Labels.of_release(release).names == TASK.names
    head = json.loads((folder / "head.json").read_text(encoding="utf-8"))
    assert len(head["weights"]) == len(head["bias"]) == len(TASK.names)


def test_both_protocols_give_all_probabilities_in_the_order_of_the_task(settings: Settings) -> None:
    texts = ["I forgot my password.", "The printer is broken."]
    first = post(settings, "/v1/models/encoder:predict", {"instances": [{"text": text} for text in texts]})
    tensor = {"name": "text", "datatype": "BYTES", "shape": [2], "data": texts}
    second = post(settings, "/v2/models/encoder/infer", {"inputs": [tensor]})
    outputs = {output["name"]: output for output in second["outputs"]}
    rows = [one["probabilities"] for one in first["predictions"]]
    assert [tuple(row) for row in rows] == [TASK.names] * 2
    assert outputs["probabilities"]["shape"] == [2, len(TASK.names)]
    assert [p for row in rows for p in row.values()] == pytest.approx(outputs["probabilities"]["data"])
    assert json.loads(second["parameters"]["labels"]) == list(TASK.names)
    assert outputs["verdict"]["data"] == [one["verdict"] for one in first["predictions"]]


def test_calibration_reproduces_the_thresholds_of_the_training(settings: Settings) -> None:
    """The running encoder gives the probabilities that the head had in training."""
    folder = settings.thresholds_dir
    (path,) = folder.glob("*.json")
    trained = thresholds.ThresholdFile.model_validate_json(path.read_bytes())
    file = calibrate(settings, "encoder")
    assert file.release == trained.release
    assert set(file.languages) == {"en", "de"}
    for language, fit in file.languages.items():
        assert tuple(fit.verdicts) == TASK.names
        assert fit.rows == 120
        assert fit.calibration is not None
        assert fit.calibration.slope == pytest.approx(trained.languages[language].calibration.slope, rel=0.05)


def test_evaluation_and_comparison_have_all_labels(settings: Settings) -> None:
    (evaluation,) = evaluate(settings, routes=["encoder"], limit=ROWS_PER_LABEL)
    assert set(evaluation.summaries) == {Stratum(None, "en"), Stratum(None, "de")}
    summary = evaluation.summaries[Stratum(None, "en")]
    assert summary.rows == len(TASK.names) * ROWS_PER_LABEL
    # A limit takes the rows of as many families as possible.
    assert summary.families >= ROWS_PER_LABEL
    assert tuple(summary.labels) == tuple(summary.confusion) == TASK.names
    assert tuple(summary.confusion["access"]) == (*TASK.names, NEUTRAL)
    assert sum(sum(row.values()) for row in summary.confusion.values()) == summary.rows
    # All labels are equally frequent here.
    assert summary.balanced_accuracy == pytest.approx(summary.accuracy)
    assert summary.baselines["majority"] == pytest.approx(1 / len(TASK.names))
    assert set(summary.auc_by_label) == set(TASK.names)
    assert all(list(record.probabilities or {}) == list(TASK.names) for record in evaluation.records)
    assert all(0 < record.score < 1 for record in evaluation.records)
    recalls = {
        (s.labels["language"], s.labels["label"])
        for s in samples(settings, f"evaluate-{TASK.name}-encoder")
        if s.name == metrics.EVAL_LABEL_RECALL.name
    }
    assert recalls == {(language, label) for language in ("en", "de") for label in TASK.names}
    comparison = compare_evaluations(settings, [evaluation], Options())
    assert {entry.name for entry in comparison.entries} == {"encoder", "tfidf", "length", "majority"}
    assert {outcome.cell.name for outcome in comparison.outcomes} == {"en", "de"}


def test_drift_compares_margins_and_all_verdicts(settings: Settings) -> None:
    evaluate(settings, routes=["encoder"], limit=ROWS_PER_LABEL)

    async def copy() -> None:
        """Drift reads what users sent."""
        async with open_store(settings.store_url) as store:
            rows = await store.records(task=TASK.name, source="evaluation")
            await store.append_many(
                [row.model_copy(update={"id": f"user-{row.id}", "source": "user"}) for row in rows]
            )

    asyncio.run(copy())
    report = drift(settings, windows_of(datetime.now(UTC), current_days=7))
    columns = {row.column for row in report.comparisons}
    assert {"margin", "verdict", "candidate_light", "input_characters"} <= columns
    assert "p_yes" not in columns


def test_the_commands_print_their_figures(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stack.as_environment(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(app, ["calibrate", "--route", "encoder", "--no-log-run"])
    assert result.exit_code == 0, result.output
    assert "en: cut-offs on the margin, score" in result.output
    assert all(TASK.word(label, "de") in result.output for label in TASK.names)
    result = CliRunner().invoke(app, ["evaluate", "--route", "encoder", "--limit", str(ROWS_PER_LABEL)])
    assert result.exit_code == 0, result.output
    assert all(f"answer {label}" in result.output for label in TASK.names)
