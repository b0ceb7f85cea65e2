"""Runs over MLflow's REST API are those of its own client, on a real server."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mlflow
import pytest
from matplotlib.figure import Figure

from local import stack
from local.processes import Supervisor
from pipelines.sinks import mlflow_client, mlflow_http, source, tracking
from signalbox.errors import SetupError
from signalbox.settings import Settings
from tests.helpers import free_port

PLAIN = "http://mlflow:5000"
METRICS = {
    "accuracy.de": 0.5,
    "nothing": float("nan"),
    "most": float("inf"),
    **{f"m{n}": n for n in range(1200)},
}
PARAMS = {"route": "decoder", "rows": 8, **{f"p{n}": n for n in range(150)}}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Settings of a running MLflow server."""
    settings = Settings(state_dir=tmp_path_factory.mktemp("state"), mlflow_port=free_port())
    with Supervisor(settings.logs_dir) as supervisor:
        service = stack.mlflow(settings)
        supervisor.start(service)
        supervisor.wait_ready(service)
        yield settings


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Without the variables that MLflow's client leaves in the process of the tests."""
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)


def log(run, settings, folder):
    """Everything that a run can hold."""
    figure = Figure()
    figure.subplots().plot([0, 1], [1, 0])
    run.log_params(PARAMS)
    run.log_metrics(METRICS)
    run.set_tag("trust.de", "trusted")
    run.log_dataset(settings, "toy", "0123456789abcdef", "test")
    run.log_text("# Größe\n", "report.md")
    run.log_dict({"a": [1, 2.5, None], "at": Path("x")}, "report.json")
    run.log_figure(figure, "plot.png")
    (folder / "ä file.html").write_text("<p>", encoding="utf-8")
    run.log_file(folder / "ä file.html")


def content(client, run_id, folder):
    """What MLflow holds of a run, without its id and times."""
    run = client.get_run(run_id)
    files = {
        file.path: client.download_artifacts(run_id, file.path, str(folder))
        for file in client.list_artifacts(run_id)
    }
    inputs = [
        (one.dataset.to_dictionary(), [(t.key, t.value) for t in one.tags])
        for one in run.inputs.dataset_inputs
    ]
    return {
        "tags": run.data.tags,
        "params": run.data.params,
        "metrics": {key: repr(value) for key, value in run.data.metrics.items()},
        "inputs": inputs,
        "files": {name: Path(path).read_bytes() for name, path in files.items()},
        "status": (run.info.status, run.info.run_name, run.info.user_id, run.info.lifecycle_stage),
    }


def test_a_run_over_http_is_that_of_the_client(settings, tmp_path):
    release = "llama.cpp/toy@1/Q4"
    assert tracking.is_plain(settings.mlflow_base_url, {}, tmp_path)
    with tracking.run(settings, "toy", "evaluate", "evaluate decoder", release=release) as first:
        log(first, settings, tmp_path)
    assert isinstance(first, mlflow_http.HttpRun)
    with mlflow_client.run(settings, "toy", "evaluate", "evaluate decoder", release) as second:
        log(second, settings, tmp_path)
    client = mlflow.MlflowClient(settings.mlflow_base_url)
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    ours, theirs = (content(client, run.run_id, f) for run, f in zip((first, second), folders, strict=True))
    assert ours == theirs
    assert ours["tags"][source.RELEASE_TAG] == release
    assert len(ours["files"]) == 4


def test_a_run_that_fails_says_so(settings):
    with pytest.raises(ZeroDivisionError), tracking.run(settings, "fails", "evaluate", "x") as run:
        raise ZeroDivisionError
    assert mlflow.MlflowClient(settings.mlflow_base_url).get_run(run.run_id).info.status == "FAILED"


def test_files_that_the_client_stores_itself_go_through_it(settings, tmp_path):
    client = mlflow.MlflowClient(settings.mlflow_base_url)
    client.create_experiment("elsewhere", (tmp_path / "artifacts").as_uri())
    with tracking.run(settings, "elsewhere", "evaluate", "x") as run:
        run.log_text("text", "file.txt")
    assert isinstance(run, mlflow_client.ClientRun)
    assert [path.name for path in tmp_path.rglob("file.txt")] == ["file.txt"]


@pytest.mark.parametrize(
    ("url", "environment"),
    [
        ("https://mlflow.example.org", {}),
        ("sqlite:///mlflow.db", {}),
        ("http://user:password@mlflow:5000", {}),
        (PLAIN, {"MLFLOW_TRACKING_TOKEN": "secret"}),
        (PLAIN, {"MLFLOW_WORKSPACE": "team"}),
        (PLAIN, {"NETRC": "/etc/netrc"}),
    ],
)
def test_what_the_client_alone_supports_goes_through_it(url, environment, tmp_path):
    assert tracking.is_plain(PLAIN, {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "7", "PATH": ""}, tmp_path)
    assert not tracking.is_plain(url, environment, tmp_path)


@pytest.mark.parametrize("name", [".mlflow/credentials", ".netrc"])
def test_stored_credentials_go_through_the_client(name, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    assert not tracking.is_plain(PLAIN, {}, tmp_path)


@pytest.fixture
def answers():
    """A server that gives these statuses in turn; its URL, and the paths that were requested."""
    statuses, paths = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            self.send_response(statuses.pop(0))
            self.end_headers()
            self.wfile.write(json.dumps({"experiment": {"experiment_id": "1"}}).encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", statuses, paths
        server.shutdown()


def test_a_passing_failure_is_tried_again_after_growing_waits(answers):
    url, statuses, paths = answers
    statuses += [503, 429, 500, 200]
    waits = []
    server = mlflow_http.Server(url, 3, waits.append)
    assert mlflow_http.experiment_of(server, "a b")["experiment_id"] == "1"
    assert len(paths) == 4
    assert waits[0] == 0
    assert 4 <= waits[1] < 5
    assert 8 <= waits[2] < 9


@pytest.mark.parametrize(("status", "calls"), [(500, 2), (403, 1), (307, 1)])
def test_a_failure_names_the_server_and_its_status(answers, status, calls):
    url, statuses, paths = answers
    statuses += [status] * calls
    with pytest.raises(SetupError, match=rf"MLflow at {url} does not answer: {status}") as caught:
        mlflow_http.experiment_of(mlflow_http.Server(url, 1, lambda _: None), "toy")
    assert "SIGNALBOX_MLFLOW_URL" in caught.value.hint
    assert len(paths) == calls


def test_a_server_that_is_away_is_an_error():
    server = mlflow_http.Server(f"http://127.0.0.1:{free_port()}", 1, lambda _: None)
    with pytest.raises(SetupError, match="refused"):
        mlflow_http.experiment_of(server, "toy")


def test_a_commit_is_a_tag_where_the_program_is_in_a_repository(tmp_path, monkeypatch):
    program = tmp_path / "job.py"
    program.touch()
    monkeypatch.setattr(sys, "argv", [str(program)])
    assert "mlflow.source.git.commit" not in source.program_tags()
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q", "-b", "topic"], ["add", "."], [*identity, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    tags = source.program_tags()
    assert len(tags["mlflow.source.git.commit"]) == 40
    assert tags["mlflow.source.git.branch"] == "topic"
    assert tags["mlflow.source.name"] == str(program)


def test_an_evaluation_on_a_plain_server_imports_neither_mlflow_nor_scikit_learn():
    modules = "pipelines.cli, pipelines.calibrate.job, pipelines.compare.job, pipelines.evaluate.job, pipelines.judge.job"
    heavy = ("mlflow", "sklearn", "pandas", "matplotlib", "scipy.stats")
    code = f"import sys, {modules}\nprint([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
