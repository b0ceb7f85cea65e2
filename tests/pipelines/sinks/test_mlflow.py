"""Runs in MLflow: datasets by digest, releases as tags, and the alias that only the gate moves."""

from pathlib import Path

import mlflow
import pytest

from pipelines.gate import champion
from pipelines.sinks import datasets, mlflow_runs
from signalbox.contracts.record import LabeledText, ModelRelease
from signalbox.settings import Settings

ROWS = [
    LabeledText(id=f"{n}", text=f"Text {n}.", label="yes", language="en", family=f"{n}", split="test")
    for n in range(3)
]


def release(revision):
    return ModelRelease(name="minilm", revision=revision, engine="onnx", quantization="int8")


@pytest.fixture
def tracking(tmp_path, mlflow_url):
    """Settings and a client of an experiment of this test."""
    client = mlflow.MlflowClient(mlflow_url)
    name = f"toy-{tmp_path.name}"
    experiment = client.create_experiment(name, (tmp_path / "artifacts").as_uri())
    return Settings(mlflow_url=mlflow_url), client, name, experiment


def test_a_digest_is_of_the_rows_and_not_of_their_order():
    assert datasets.rows_digest(ROWS) == datasets.rows_digest(reversed(ROWS))
    other = ROWS[0].model_copy(update={"label": "no"})
    assert datasets.rows_digest(ROWS) != datasets.rows_digest([other, *ROWS[1:]])


def test_a_run_has_its_release_and_the_digest_of_its_rows_and_no_text(tracking):
    settings, client, name, experiment = tracking
    with mlflow_runs.run(settings, name, "evaluate", "evaluate encoder", release=release("v1").key):
        datasets.log_rows(settings, name, ROWS, "test")
    [run] = client.search_runs([experiment], f"tags.`{mlflow_runs.RELEASE_TAG}` = '{release('v1').key}'")
    [logged] = run.inputs.dataset_inputs
    assert logged.dataset.digest == datasets.rows_digest(ROWS)
    assert [tag.value for tag in logged.tags] == ["test"]
    assert "Text" not in str(logged.dataset)


def register(tracking, revision=None):
    """A version of the registered model, as `train` creates one; its release."""
    settings, client, name, _ = tracking
    model = mlflow_runs.registered_model(name)
    with mlflow_runs.run(settings, name, "train", "train") as run:
        if not client.search_registered_models(f"name = '{model}'"):
            client.create_registered_model(model)
        version = client.create_model_version(model, "runs:/x", run.info.run_id).version
        one = release(f"v{version}-0a1b2c3d")
        mlflow.set_tag(mlflow_runs.RELEASE_TAG, revision or one.key)
    return one


def test_the_alias_moves_to_the_version_of_the_release(tracking):
    _, client, name, _ = tracking
    model, first, second = mlflow_runs.registered_model(name), register(tracking), register(tracking)
    assert client.get_registered_model(model).aliases == {}
    assert champion.move_alias(name, second) == "2"
    assert champion.move_alias(name, first) == "1"
    aliases = client.get_registered_model(model).aliases
    assert {alias: str(version) for alias, version in aliases.items()} == {champion.ALIAS: "1"}


@pytest.mark.parametrize("revision", ["sha256:53aa51172d14", "untracked-0a1b2c3d", "v9-0a1b2c3d"])
def test_a_release_without_a_version_moves_nothing(tracking, revision):
    register(tracking)
    _, client, name, _ = tracking
    assert champion.move_alias(name, release(revision)) is None
    assert champion.move_alias(name, None) is None
    assert client.get_registered_model(mlflow_runs.registered_model(name)).aliases == {}


def test_a_version_of_another_release_moves_nothing(tracking):
    one = register(tracking, revision="onnx/other@v1-ffffffff/int8")
    assert champion.move_alias(tracking[2], one) is None


def test_only_the_gate_moves_the_alias():
    files = [path for part in ("pipelines", "local", "src", "services") for path in Path(part).rglob("*.py")]
    movers = [path for path in files if "set_registered_model_alias" in path.read_text(encoding="utf-8")]
    assert movers == [Path("pipelines/gate/champion.py")]
