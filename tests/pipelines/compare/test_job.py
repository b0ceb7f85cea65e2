"""A comparison of evaluated routes, and the memory of the processes behind them."""

import os
import socket
from pathlib import Path

import mlflow
import pytest
from rich.console import Console

from pipelines.compare.evaluations import compare_evaluations
from pipelines.compare.job import Options
from pipelines.compare.models import footprint
from pipelines.compare.run import Selection, run_evaluations
from pipelines.evaluate.job import evaluate
from signalbox.contracts.metrics import JOB_LAST_SUCCESS
from tests.helpers import free_port

MEGABYTE = 2**20


def test_memory_is_that_of_the_process_that_listens():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert footprint.resident_bytes(port) is None  # bound, not listening
        server.listen()
        memory = footprint.resident_bytes(port)
    own = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert memory == pytest.approx(own, rel=0.2)
    assert footprint.resident_bytes(free_port()) is None


def test_the_sum_is_unknown_when_a_part_is():
    assert footprint.total_bytes([1, 2]) == 3
    assert footprint.total_bytes([1, None]) is None


@pytest.mark.slow
def test_routes_and_baselines_are_compared_on_the_same_rows(world, capsys):
    evaluations = evaluate(world.settings)
    comparison = run_evaluations(world.settings, evaluations, Selection(), Options(command="demo"), Console())
    assert [outcome.cell.name for outcome in comparison.outcomes] == ["de", "en"]
    names = {entry.name for entry in comparison.entries}
    assert names == {"encoder", "decoder", "cascade", "tfidf", "length", "majority"}
    sizes = {entry.name: entry.size_bytes for entry in comparison.entries}
    assert (sizes["encoder"], sizes["decoder"], sizes["cascade"], sizes["tfidf"]) == (
        MEGABYTE,
        MEGABYTE,
        2 * MEGABYTE,
        0,
    )
    assert comparison.entry("cascade").memory_bytes is not None
    for outcome in comparison.outcomes:
        assert comparison.entry("encoder").scores[outcome.cell.name].accuracy == 0.75
        assert outcome.conclusion.rows == 8
    reports = world.settings.state_dir / "reports"
    assert {path.name for path in reports.iterdir()} >= {"comparison.html", "comparison.md", "answers.json"}
    assert "toy" in capsys.readouterr().out
    client = mlflow.MlflowClient(world.settings.mlflow_base_url)
    experiment = client.get_experiment_by_name(world.task_name)
    (run,) = client.search_runs([experiment.experiment_id], "tags.`signalbox.job` = 'compare'")
    assert run.data.metrics["accuracy.encoder.en"] == 0.75
    job = f"compare-{world.task_name}"
    metrics = (world.settings.state_dir / "metrics" / f"{job}.prom").read_text(encoding="utf-8")
    assert f'{JOB_LAST_SUCCESS.name}{{job="{job}"}}' in metrics


@pytest.mark.slow
def test_models_elsewhere_have_neither_memory_nor_size(world):
    settings = world.settings
    elsewhere = {"encoder_url": settings.encoder_base_url, "decoder_url": settings.decoder_base_url}
    evaluations = evaluate(settings)
    comparison = compare_evaluations(settings.model_copy(update=elsewhere), evaluations, Options())
    models = [entry for entry in comparison.entries if entry.kind != "baseline"]
    assert {(entry.memory_bytes, entry.size_bytes, entry.where) for entry in models} == {
        (None, None, "remote")
    }
