"""Programs serve without what their images leave out (WITHOUT and PARTS in images/python.Dockerfile)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx2
import pytest

from signalbox.contracts.record import ModelRelease
from tests.helpers import free_port

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "images" / "python.Dockerfile").read_text(encoding="utf-8")
SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
# Importing a module that is None in sys.modules fails, as one does that is not installed.
BLOCKED = """
import runpy, sys
for name in {modules!r}:
    sys.modules[name] = None
"""
MEMBERS = ("assessor", "encoder")


def variables(stage: str) -> dict[str, list[str]]:
    """The lists that a stage of the Dockerfile sets, with those that they name."""
    text = TEXT.partition(f"AS {stage}\n")[2].partition("\nFROM ")[0]
    return {name: words.replace("\\\n", " ").split() for name, words in re.findall(r'(\w+)="([^"]*)"', text)}


def parts(member: str) -> list[str]:
    """Patterns below site-packages."""
    everywhere = variables("build")
    patterns = variables(f"{member}-build")["PARTS"]
    return [part for pattern in patterns for part in everywhere.get(pattern.removeprefix("$"), [pattern])]


def left_out(member: str) -> list[str]:
    """Modules that the image of a member lacks."""
    names = set(variables(f"{member}-build")["WITHOUT"])
    packages = {
        module
        for module, distributions in packages_distributions().items()
        if {name.lower().replace("_", "-") for name in distributions} & names
    }
    assert packages
    paths = [path for part in parts(member) for path in SITE_PACKAGES.glob(part)]
    modules = {
        ".".join(path.relative_to(SITE_PACKAGES).with_suffix("").parts)
        for path in paths
        if path.is_dir() or path.suffix == ".py"
    }
    return sorted(packages | modules)


@pytest.mark.parametrize("member", MEMBERS)
def test_each_pattern_matches_a_part_of_the_locked_packages(member: str) -> None:
    assert [part for part in parts(member) if not any(SITE_PACKAGES.glob(part))] == []


@pytest.mark.parametrize("member", MEMBERS)
def test_the_command_line_works_without_what_an_image_leaves_out(member: str) -> None:
    for command in (["--help"], ["plan", "--model", "llama-3.1-8b", "--gpu", "l4"], ["no"]):
        process = run(member, "signalbox.cli", *command)
        assert "Traceback" not in process.stderr, process.stderr
        assert process.stdout or process.stderr


def run(member: str, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command_of(member, program, *arguments), cwd=ROOT, capture_output=True, text=True, check=False
    )


def command_of(member: str, program: str, *arguments: str) -> list[str]:
    code = BLOCKED.format(modules=left_out(member)) + f"runpy.run_module({program!r}, run_name='__main__')"
    return [sys.executable, "-c", code, *arguments]


@contextmanager
def serving(command: list[str], url: str, **environment: str) -> Iterator[None]:
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            wait(url, process)
            yield
        finally:
            process.terminate()


def wait(url: str, process: subprocess.Popen[bytes]) -> None:
    while True:
        if process.poll() is not None:
            raise AssertionError(process.stdout.read().decode() if process.stdout else "")
        with suppress(httpx2.HTTPError):
            if httpx2.get(url).status_code == 200:
                return
        time.sleep(0.1)


def release(folder: Path) -> Path:
    """A release with words only, which needs no network."""
    model = ModelRelease(name="toy", revision="1", engine="onnxruntime", quantization="none")
    head = {"kind": "tfidf", "terms": ["urgent"], "idf": [1.0], "weights": [2.0], "bias": 0.0}
    content = {"release": model.model_dump(), "task": "toy", "labels": ["yes", "no"], "encoder": "tfidf"}
    (folder / "release.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "head.json").write_text(json.dumps(head), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_the_encoder_answers_on_all_routes(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = ["--release-dir", str(release(tmp_path)), "--host", "127.0.0.1", "--http_port", str(port)]
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["urgent"]}
    with serving(command_of("encoder", "services.encoder", *options), f"{url}/v2/models/encoder/ready"):
        for path in ("/", "/v1/models/encoder", "/v2", "/v2/health/live", "/v2/health/ready", "/metrics"):
            assert httpx2.get(f"{url}{path}").status_code == 200, path
        metadata = httpx2.get(f"{url}/v2/models/encoder").json()
        assert [output["name"] for output in metadata["outputs"]][:2] == ["probabilities", "verdict"]
        instances = {"instances": [{"text": "urgent"}]}
        answer = httpx2.post(f"{url}/v1/models/encoder:predict", json=instances).json()
        assert answer["predictions"][0]["verdict"] == "yes"
        for extra in ({}, {"parameters": {"any": 1}}):  # the direct route, and KServe's own
            answer = httpx2.post(f"{url}/v2/models/encoder/infer", json={"inputs": [tensor], **extra}).json()
            assert {output["name"]: output["data"] for output in answer["outputs"]}["verdict"] == ["yes"]
        assert httpx2.post(f"{url}/v2/models/encoder/infer", json={"inputs": []}).status_code == 400


@pytest.mark.slow
def test_the_assessor_answers_and_migrates(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    database = f"sqlite:///{tmp_path / 'signalbox.db'}"
    settings = {
        "SIGNALBOX_HOST": "127.0.0.1",
        "SIGNALBOX_ASSESSOR_PORT": str(port),
        "SIGNALBOX_STATE_DIR": str(tmp_path),
        "SIGNALBOX_DATABASE_URL": database,
        "SIGNALBOX_PLAN_ENABLED": "true",
    }
    with serving(command_of("assessor", "services.assessor"), f"{url}/healthz", **settings):
        for path in ("/", "/queue", "/plan?model=llama-3.1-8b&gpu=l4", "/metrics", "/docs"):
            assert httpx2.get(f"{url}{path}", timeout=60).status_code == 200, path
    process = run("assessor", "signalbox.cli", "migrate", "--help")
    assert process.returncode == 0, process.stderr
