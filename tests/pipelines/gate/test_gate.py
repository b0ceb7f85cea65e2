"""The gate as a user runs it: passed, failed, inconclusive, broken."""

import json
from pathlib import Path

import mlflow
import pytest
from fastapi import Response
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.compare.bill import loss_of
from pipelines.compare.conclusion import Status
from pipelines.gate.decision import confidence_of_failure, decide
from pipelines.gate.exits import Decision
from tests.pipelines.compare.chat_server import ChatModel, rows, task_of, understands
from tests.pipelines.compare.samples import cell, entry

DATA = [*rows(120, "test"), *rows(24, "calibration"), *rows(4, "few-shot")]


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Runs a command of the jobs; gives exit status and output."""

    def run(*arguments, data=DATA):
        task_of(tmp_path / "task", data)
        monkeypatch.setenv("SIGNALBOX_TASK", str(tmp_path / "task"))
        monkeypatch.setenv("SIGNALBOX_STATE_DIR", str(tmp_path / "run"))
        result = CliRunner().invoke(app, arguments)
        return result.exit_code, " ".join(result.output.split())

    return run


@pytest.fixture
def blessed(invoke, tmp_path):
    """The answers of a comparison of a model that is always right, and its server."""
    model = ChatModel(understands, name="blessed")
    with model.serving() as url:
        status, output = invoke("compare", "--models", f"{url}#blessed", "--no-log-run")
        assert status == 0, output
    return str(tmp_path / "run" / "reports" / "answers.json")


def gate(invoke, baseline, model, *arguments, **data):
    with model.serving() as url:
        return invoke(
            "gate", "--baseline", baseline, "--model", f"{url}#toy-model", "--no-log-run", *arguments, **data
        )


def mistaken(every):
    """p(yes) of a model that is wrong on every so many-th text of the test split, however its cut is set."""

    def p_yes(text):
        number = int(text.rsplit("-", 1)[1])
        right = understands(text)
        return 1 - right if "-test-" in text and number % every == 0 else right

    return p_yes


def test_an_equal_release_passes(invoke, blessed, tmp_path):
    status, output = gate(invoke, blessed, ChatModel(understands))
    assert (status, "passed: the release loses at most 2.2 points" in output) == (0, True), output
    result = json.loads((tmp_path / "run" / "reports" / "gate.json").read_text())
    assert result["decision"] == "passed"
    assert result["cells"][0]["rows"] == 120
    assert "text" not in result["cells"][0]


def test_a_worse_release_fails(invoke, blessed):
    status, output = gate(invoke, blessed, ChatModel(mistaken(4)))
    assert status == 1, output
    assert "failed: on en the release loses 25 points, and more than 5 points is shown." in output


def test_too_few_rows_are_inconclusive_and_their_number_is_named(invoke, blessed):
    status, output = gate(invoke, blessed, ChatModel(mistaken(20)))
    assert status == 2, output
    assert "inconclusive: on en the release may lose up to" in output
    assert "more rows would decide" in output


def test_only_missing_rows_are_queried_again(invoke, blessed):
    model = ChatModel(understands)
    with model.serving() as url:
        for _ in range(2):
            invoke("gate", "--baseline", blessed, "--model", f"{url}#toy-model", "--no-log-run")
    assert len(model.queries) == 144


def test_rows_that_are_new_since_the_baseline_are_left_out(invoke, blessed):
    new = [
        row.model_copy(update={"id": f"new-{row.id}", "text": f"new {row.text}", "family": f"new-{row.id}"})
        for row in DATA[:10]
    ]
    status, output = gate(invoke, blessed, ChatModel(understands), data=[*DATA, *new])
    assert status == 0, output
    assert "note: 10 test rows are new since the baseline and were left out." in output


def test_a_run_of_mlflow_is_a_baseline(invoke, tmp_path, monkeypatch):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlflow.MlflowClient(uri).create_experiment("toy", (tmp_path / "artifacts").as_uri())
    monkeypatch.setenv("SIGNALBOX_MLFLOW_URL", uri)
    model = ChatModel(understands)
    with model.serving() as url:
        _, output = invoke("compare", "--models", f"{url}#toy-model")
        run_id = output.rsplit("MLflow run: ", 1)[1].split()[0]
        status, output = invoke("gate", "--baseline", run_id, "--model", f"{url}#toy-model")
        assert status == 0, output
        status, output = invoke("gate", "--baseline", "0" * 32, "--model", f"{url}#toy-model")
    assert status == 3
    assert f"error: No file and no run `{'0' * 32}`." in output
    experiment = mlflow.MlflowClient(uri).get_experiment_by_name("toy")
    runs = mlflow.MlflowClient(uri).search_runs([experiment.experiment_id], "tags.`signalbox.job` = 'gate'")
    assert runs[0].data.params["decision"] == "passed"


# --- broken -----------------------------------------------------------------------------------------------


def test_a_model_that_is_down_is_broken(invoke, blessed):
    status, output = invoke("gate", "--baseline", blessed, "--model", "http://127.0.0.1:9/v1#gone")
    assert status == 3
    assert "error: http://127.0.0.1:9/v1" in output


def test_a_model_that_fails_is_broken(invoke, blessed):
    status, output = gate(invoke, blessed, ChatModel(understands, failure=lambda text: Response("{}", 500)))
    assert status == 3, output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "error: --baseline: got None."),
        (("--nonsense",), "No such option"),
        (("--baseline", "task/task.yaml"), "No such option"),
        (("--limit", "0", "--baseline", "x"), "Invalid value"),
    ],
)
def test_wrong_options_are_broken_and_not_inconclusive(invoke, arguments, words):
    status, output = (
        invoke("gate", *arguments) if arguments[:1] != ("--baseline",) else invoke("gate", "--nonsense")
    )
    assert status == 3
    assert words in output


def test_a_file_that_is_no_comparison_is_broken(invoke, tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"models": []}')
    status, output = invoke("gate", "--baseline", str(path))
    assert status == 3
    assert "has no answers of a comparison." in output


def test_a_baseline_of_another_task_or_name_is_broken(invoke, blessed, tmp_path):
    status, output = invoke("gate", "--baseline", f"{blessed}#typo", "--model", "http://127.0.0.1:9/v1#m")
    assert (status, "Choose one with `RUN#NAME`" in output) == (3, True)
    saved = json.loads(Path(blessed).read_text(encoding="utf-8"))
    (tmp_path / "other.json").write_text(json.dumps(saved | {"task": "other"}))
    status, output = invoke(
        "gate", "--baseline", str(tmp_path / "other.json"), "--model", "http://127.0.0.1:9/v1#m"
    )
    assert (status, "The baseline is of the task other, not of toy." in output) == (3, True)


# --- the decision -----------------------------------------------------------------------------------------


def losses(*skills):
    cells = [cell(language, family=1) for language in ("de", "en")[: len(skills)]]
    best = entry("baseline", cells, lambda n: True)
    return [
        loss_of(one, best, entry("release", [one], skill), 0.05, confidence_of_failure(len(skills)))
        for one, skill in zip(cells, skills, strict=True)
    ]


def test_every_cell_must_pass():
    def good(n):
        return True

    def half(n):
        return n % 2 == 0

    def open_(n):
        return n % 24 > 0

    assert decide(losses(good, good), 0.05).decision is Decision.PASSED
    assert decide(losses(good, open_), 0.05).decision is Decision.INCONCLUSIVE
    assert decide(losses(half, open_), 0.05).decision is Decision.FAILED
    assert [one.status for one in losses(half, good)] == [Status.WORSE, Status.SHOWN]


def test_a_decision_needs_a_cell():
    with pytest.raises(ValueError, match="losses: got none"):
        decide([], 0.05)
