"""Ollama serves several models: the script of the init container runs here with a stand-in for `ollama`."""

import subprocess
from pathlib import Path

import pytest

from tests.charts.conftest import environment, one, pod_of, render, render_error

CHART = "model-server"
OLLAMA = {
    "engine": "ollama",
    "quantization": "gguf-q4_k_m",
    "concurrency": 4,
    "model": {"name": "llama3.2:3b"},
}
TRIAGE = "FROM llama3.2:3b\nSYSTEM You answer with one word.\n"
# It logs its arguments, knows no model before a pull, and fails to pull `missing`.
STAND_IN = """#!/bin/sh
echo "$@" >> "$LOG"
case "$1" in
serve) exec sleep 60 ;;
pull) [ "$2" != missing ] ;;
create) cat "$4" >> "$LOG" ;;
esac
"""


def pull(values: dict) -> dict:
    (container,) = pod_of(one(render(CHART, OLLAMA | values), "Deployment"))["initContainers"]
    return container


def models(values: dict) -> str:
    return environment({"containers": [pull(values)]})["MODELS"]["value"]


def run(script: str, tmp_path: Path, names: str, files: dict[str, str]) -> tuple[int, list[str]]:
    """Exit status of the script, and the calls of `ollama`."""
    folder, binary, log = tmp_path / "files", tmp_path / "ollama", tmp_path / "log"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    binary.write_text(STAND_IN, encoding="utf-8")
    binary.chmod(0o755)
    process = subprocess.run(
        ["sh", "-c", script.replace("/etc/signalbox/files", str(folder))],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(log), "MODELS": names},
        check=False,
        timeout=30,
    )
    calls = log.read_text(encoding="utf-8").splitlines()
    return process.returncode, [line for line in calls if line not in ("serve", "list")]


def test_one_model_is_pulled(tmp_path):
    assert models({}) == "llama3.2:3b"
    assert run(pull({})["args"][0], tmp_path, "llama3.2:3b", {}) == (0, ["pull llama3.2:3b"])


def test_further_models_are_pulled_and_created(tmp_path):
    values = {"ollama": {"models": ["qwen2.5:0.5b"], "modelfiles": {"triage": TRIAGE}}}
    names = models(values)
    assert names == "llama3.2:3b qwen2.5:0.5b triage"
    status, calls = run(pull(values)["args"][0], tmp_path, names, {"triage": TRIAGE})
    file = tmp_path / "files" / "triage"
    assert status == 0
    assert calls == [
        "pull llama3.2:3b",
        "pull qwen2.5:0.5b",
        f"create triage -f {file}",
        *TRIAGE.splitlines(),
    ]


def test_a_failed_pull_fails_the_init_container_after_the_others(tmp_path):
    status, calls = run(pull({})["args"][0], tmp_path, "missing llama3.2:3b", {})
    assert (status, calls) == (1, ["pull missing", "pull llama3.2:3b"])


def test_modelfiles_are_in_a_config_map():
    objects = render(CHART, OLLAMA | {"ollama": {"modelfiles": {"triage": TRIAGE}}})
    config = one(objects, "ConfigMap")
    assert config["data"] == {"triage": TRIAGE}
    spec = pod_of(one(objects, "Deployment"))
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "files"]
    assert volume["configMap"] == {"name": config["metadata"]["name"]}
    mounts = [mount["mountPath"] for mount in spec["initContainers"][0]["volumeMounts"]]
    assert "/etc/signalbox/files" in mounts


def test_the_server_keeps_all_models_loaded():
    def loaded(values: dict) -> dict | None:
        spec = pod_of(one(render(CHART, OLLAMA | values), "Deployment"))
        return environment(spec).get("OLLAMA_MAX_LOADED_MODELS")

    assert loaded({}) is None
    assert loaded({"ollama": {"models": ["qwen2.5:0.5b"]}})["value"] == "2"


def test_the_main_model_may_be_a_modelfile():
    values = {"model": {"name": "triage", "sizeGiB": 4}, "ollama": {"modelfiles": {"triage": TRIAGE}}}
    assert models(values) == "triage"
    container = pod_of(one(render(CHART, OLLAMA | values), "Deployment"))["containers"][0]
    assert container["readinessProbe"]["exec"]["command"] == ["/bin/ollama", "show", "triage"]


def test_without_a_network_models_are_created_but_not_pulled():
    values = {"airGapped": True, "persistence": {"existingClaim": "filled"}}
    spec = pod_of(one(render(CHART, OLLAMA | values), "Deployment"))
    assert "initContainers" not in spec
    assert models(values | {"ollama": {"modelfiles": {"triage": TRIAGE}}}) == ""


def test_a_config_map_of_ones_own_has_modelfiles(notes):
    values = OLLAMA | {"ollama": {"existingConfigMap": "ours"}}
    spec = pod_of(one(render(CHART, values), "Deployment"))
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "files"]
    assert volume["configMap"] == {"name": "ours"}
    assert "ConfigMap ours with Modelfiles" in notes(values)
    assert "The fit check considers llama3.2:3b only." in notes(values)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (
            {"ollama": {"models": ["a"]}},
            "ollama: has models, but the engine is vLLM, which serves one model.",
        ),
        (
            OLLAMA | {"ollama": {"existingConfigMap": "ours", "modelfiles": {"triage": TRIAGE}}},
            'ollama.existingConfigMap: "ours", but ollama.modelfiles is set, too.',
        ),
        (
            OLLAMA | {"ollama": {"modelfiles": {"Triage:1": TRIAGE}}},
            "ollama.modelfiles: Triage:1: a name can have",
        ),
        (OLLAMA | {"ollama": {"models": ["a b"]}}, "/ollama/models/0"),
    ],
)
def test_models_that_cannot_be_served_are_rejected(values, problem):
    assert problem in render_error(CHART, values)
