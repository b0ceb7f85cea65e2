"""Prometheus of the local stack: its configuration, and the real program with a page of jobs' metrics."""

import json
import shutil
import subprocess
import time
import urllib.request

import pytest
import yaml
from rich.console import Console

from local.monitoring import prometheus
from local.monitoring.textfiles import page, server
from local.processes import Supervisor, is_answering
from pipelines.sinks import textfile
from signalbox.settings import Settings
from tests.helpers import free_port

PORTS = ("assessor", "encoder", "decoder", "mlflow", "prometheus", "job_metrics")
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Debian's package prometheus is missing"
)


@pytest.fixture
def settings(tmp_path):
    return Settings(state_dir=tmp_path / "run", **{f"{name}_port": free_port() for name in PORTS})


def services(settings):
    return {job["job_name"] for job in prometheus.configuration(settings)["scrape_configs"]}


def test_everything_that_runs_here_is_scraped_and_nothing_else(settings):
    assert services(settings) == {"assessor", "encoder", "decoder", "mlflow", "jobs", "prometheus"}
    elsewhere = settings.model_copy(
        update={"decoder_url": "http://gpu:8000/v1", "mlflow_url": "http://mlflow"}
    )
    assert services(elsewhere) == {"assessor", "encoder", "jobs", "prometheus"}
    assert "encoder" not in services(settings.model_copy(update={"encoder_enabled": False}))


def test_targets_have_the_labels_that_rules_select_by(settings):
    for job in prometheus.configuration(settings)["scrape_configs"]:
        [target] = job["static_configs"]
        assert (target["labels"]["namespace"], target["labels"]["service"]) == ("local", job["job_name"])
        assert ("engine" in target["labels"]) == (job["job_name"] == "decoder")


@pytest.mark.parametrize(
    ("host", "expected"), [("::", "[::1]"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.9", "127.0.0.9")]
)
def test_a_wildcard_address_is_scraped_on_loopback(settings, host, expected):
    config = prometheus.configuration(settings.model_copy(update={"host": host}))
    addresses = {
        job["static_configs"][0]["targets"][0].rpartition(":")[0] for job in config["scrape_configs"]
    }
    assert addresses == {expected}


@needs_prometheus
def test_the_configuration_with_the_rules_of_the_chart_is_valid(settings, tmp_path):
    config = prometheus.configuration(settings)
    assert config["rule_files"]
    path = tmp_path / "prometheus.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    check = subprocess.run(["promtool", "check", "config", path], check=False, capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr


def test_without_the_program_or_with_its_port_in_use_the_others_go_on(settings, monkeypatch, capsys):
    with Supervisor(settings.logs_dir) as supervisor:
        off = settings.model_copy(update={"prometheus_enabled": False})
        assert not prometheus.start(off, supervisor, Console())
        assert capsys.readouterr().out == ""
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        same = settings.model_copy(update={"prometheus_port": settings.job_metrics_port})
        with server(settings.state_dir, settings.host, settings.job_metrics_port):
            assert not prometheus.start(same, supervisor, Console(width=200))
    assert "note: no Prometheus: Port" in capsys.readouterr().out


def test_files_of_several_jobs_are_one_valid_page(settings):
    folder = settings.state_dir / "metrics"
    textfile.write_success(folder, "train-medical")
    textfile.write_success(folder, "compare-medical")
    (folder / "torn.prom").write_text('signalbox_drift_rows{task="medi', encoding="utf-8")
    text = page(folder)
    assert text.count("# HELP") == 1
    assert {line.split("{")[1].split("}")[0] for line in text.splitlines() if "{" in line} == {
        'job="compare-medical"',
        'job="train-medical"',
    }


def ask(settings, query):
    url = f"{settings.prometheus_base_url}/api/v1/query?query={query}"
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)["data"]["result"]


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s")


@needs_prometheus
@pytest.mark.slow
def test_the_real_program_scrapes_jobs_and_loads_the_rules(settings):
    textfile.write_success(settings.state_dir / "metrics", "train-medical")
    with Supervisor(settings.logs_dir) as supervisor:
        assert prometheus.start(settings, supervisor, Console())
        until(lambda: is_answering(f"{settings.prometheus_base_url}/-/ready"))
        [series] = until(lambda: ask(settings, "signalbox_job_last_success_timestamp_seconds"))
        assert series["metric"]["job"] == "train-medical"
        assert series["metric"]["namespace"] == "local"
        with urllib.request.urlopen(f"{settings.prometheus_base_url}/api/v1/rules") as answer:
            assert json.load(answer)["data"]["groups"]
        supervisor.check()
