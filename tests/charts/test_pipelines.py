"""Programs of the jobs of the pipelines' chart, and their variables."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from signalbox.contracts.routes import ROUTES
from signalbox.settings import Settings
from tests.charts.conftest import (
    EXAMPLES,
    GENERATED,
    POSTGRES,
    environment,
    one,
    pod_of,
    pods,
    render,
    render_example,
)
from tests.charts.pipelines_chart import ALL_JOBS, CHART, JUDGE, PROGRAMS, job

VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))


def test_every_job_of_the_values_has_its_program():
    assert VALUES["jobs"].keys() == PROGRAMS.keys()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_job_runs_a_program_that_exists_with_options_that_it_has(name):
    """The options are those of all examples, and those that the chart adds."""
    script, word = job(name)["spec"]["template"]["spec"]["containers"][0]["command"]
    assert (script, word) == (PROGRAMS[name].get("program", "signalbox-jobs"), name)
    command = [str(Path(sys.executable).parent / script), word, "--help"]
    wide = {**os.environ, "COLUMNS": "200", "TERMINAL_WIDTH": "200", "NO_COLOR": "1"}
    done = subprocess.run(command, env=wide, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    options = set(re.findall(r"--[a-z][a-z-]*", done.stdout))
    used = {word for word in arguments_of(name) if word.startswith("--")}
    used |= {"--shards"} if PROGRAMS[name]["shards"] else set()
    assert used <= options


def arguments_of(name: str) -> list[str]:
    """Arguments of a job in the examples."""
    arguments = []
    for chart, example in EXAMPLES:
        if chart == "pipelines":
            for document in render_example(chart, example):
                for _, pod in pods(document):
                    container = pod["containers"][0]
                    arguments += container.get("args", []) if container["name"] == name else []
    return arguments


def test_the_routes_in_the_examples_are_routes():
    arguments = arguments_of("evaluate")
    routes = {after for word, after in itertools.pairwise(arguments) if word == "--route"}
    assert routes == {"encoder", "decoder"}
    assert routes <= set(ROUTES)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_variable_of_a_job_is_a_setting_and_reads_as_one(name, monkeypatch):
    variables = environment(pod_of(job(name)))
    settings_variables = {f"SIGNALBOX_{field.upper()}" for field in Settings.model_fields}
    ours = {key for key in variables if key.startswith("SIGNALBOX_")}
    assert ours <= settings_variables
    for key in ours:
        monkeypatch.setenv(key, variables[key].get("value", "from a Secret"))
    settings = Settings()
    if "mlflow" in PROGRAMS[name]["needs"]:
        assert settings.mlflow_base_url == "http://x-pipelines-mlflow:80"
        assert "MLFLOW_DISABLE_TELEMETRY" in variables
    assert settings.releases_dir == Path("/var/lib/signalbox/releases")
    assert variables.keys() >= {"HOME", "USER"}


@pytest.mark.parametrize("model", ["encoder", "decoder"])
def test_jobs_over_one_model_need_no_address_of_the_other(model, monkeypatch):
    other = {"encoder": "decoder", "decoder": "encoder"}[model]
    values = ALL_JOBS | {other: {"enabled": False, "url": ""}}
    jobs = {
        item["metadata"]["labels"]["signalbox/job"]: item
        for item in render("pipelines", values)
        if item["kind"] == "Job"
    }
    for key, entry in environment(pod_of(jobs["evaluate"])).items():
        if "value" in entry:
            monkeypatch.setenv(key, entry["value"])
    assert Settings().routes == (model,)


def test_a_job_gets_the_keys_that_it_needs_and_no_others():
    keys = {"apiKey": {"existingSecret": "key"}}
    values = ALL_JOBS | POSTGRES | {"decoder": keys, "assessor": keys, "judge": {**JUDGE["judge"], **keys}}
    keys_by_job = {
        item["metadata"]["labels"]["signalbox/job"]: {
            name for name, entry in environment(pod_of(item)).items() if "valueFrom" in entry
        }
        for item in render("pipelines", values)
        if item["kind"] == "Job"
    }
    database, decoder = "SIGNALBOX_DATABASE_URL", "SIGNALBOX_DECODER_API_KEY"
    asking = {"SIGNALBOX_API_KEY", decoder, database}
    assert keys_by_job == {
        "train": {database},
        "calibrate": {decoder},
        "evaluate": asking,
        "compare": {decoder},
        "gate": {decoder},
        "drift": {database},
        "certify": {database},
        "watch": {database},
        "golden": asking,
        "judge": {"SIGNALBOX_JUDGE_API_KEY", database},
    }


@pytest.mark.parametrize(
    ("url", "named", "expected"),
    [
        ("http://assessor", None, {"name": "assessor-keys", "key": "api-key", "optional": True}),
        ("http://assessor:80", None, {"name": "assessor-keys", "key": "api-key", "optional": True}),
        ("http://assessor", "", None),
        ("http://assessor", "own", {"name": "own", "key": "api-key"}),
        ("https://assessor.example.org", None, None),
    ],
)
def test_the_key_of_the_assessor_is_that_of_its_chart_unless_the_values_name_another(url, named, expected):
    values = {"assessor": {"url": url, "apiKey": {"existingSecret": named}}}
    jobs = {"jobs": {"train": {"enabled": False}, "evaluate": {"enabled": True}}}
    env = environment(pod_of(job("evaluate", values | jobs)))
    reference = env.get("SIGNALBOX_API_KEY", {}).get("valueFrom", {}).get("secretKeyRef")
    assert reference == expected


def test_the_default_key_is_that_of_the_assessors_chart():
    secret = one(render("assessor", GENERATED["assessor"], name="assessor"), "Secret", "assessor-keys")
    env = environment(pod_of(job("evaluate")))
    reference = env["SIGNALBOX_API_KEY"]["valueFrom"]["secretKeyRef"]
    assert reference["name"] == secret["metadata"]["name"]
    assert reference["key"] in secret["stringData"] | secret.get("data", {})


def test_no_key_is_in_any_object():
    assert [item for item in render("pipelines", ALL_JOBS) if item["kind"] == "Secret"] == []


def test_only_the_training_runs_by_default():
    objects = render("pipelines")
    assert [item["kind"] for item in objects if item["kind"] in ("Job", "CronJob")] == ["Job"]
    assert one(objects, "Job")["metadata"]["labels"]["signalbox/job"] == "train"
