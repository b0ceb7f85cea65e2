from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from signalbox.errors import InputError, SetupError
from tools.images.catalogue import IMAGES, ROOT, select, version
from tools.images.registry import Order, build, build_command, check, find, push, push_command

ASSESSOR, LLAMA = select(["assessor", "llama-server"])


@pytest.mark.parametrize(
    "registry",
    [
        "registry.example.org",
        "registry.example.org/team/llm",
        "localhost:5000",
        "10.0.0.7:5000/a",
        "nexus:8443",
        "",
    ],
)
def test_registry_is_host_port_and_folder(registry: str) -> None:
    check(Order(registry=registry))
    expected = f"{registry}/" if registry else ""
    assert Order(registry=registry).tag(ASSESSOR) == f"{expected}signalbox/assessor:{version()}"


@pytest.mark.parametrize(
    "registry",
    [
        "https://registry.example.org",
        "registry.example.org/",
        "team",
        "Registry.Example.org",
        "a.b/Team",
        "a.b//c",
    ],
)
def test_registry_that_a_builder_would_misread_is_refused(registry: str) -> None:
    with pytest.raises(InputError, match="REGISTRY"):
        check(Order(registry=registry))


def test_pushing_needs_a_registry() -> None:
    with pytest.raises(InputError, match="make images REGISTRY="):
        check(Order(push=True))


@pytest.mark.parametrize("argument", ["PYTHON_IMGE=a", "PYTHON_IMAGE=", "PYTHON_IMAGE", "VERSION=2"])
def test_build_argument_that_would_change_nothing_is_refused_with_the_known_ones(argument: str) -> None:
    with pytest.raises(InputError, match=r"BUILD_IMAGE.*PYTHON_IMAGE"):
        check(Order(arguments=(argument,)))


def test_an_image_is_given_only_the_arguments_it_takes() -> None:
    order = Order(
        arguments=("PYTHON_IMAGE=p@sha256:0", "RUNTIME_IMAGE=r", "HTTPS_PROXY=x"), options=("--pull",)
    )
    check(order)
    command = build_command("docker", ASSESSOR, order)
    assert command[:2] == ["docker", "build"]
    assert "--build-arg=PYTHON_IMAGE=p@sha256:0" in command
    assert "--build-arg=HTTPS_PROXY=x" in command
    assert "--build-arg=RUNTIME_IMAGE=r" not in command
    assert command[-4:] == ["--pull", "--tag", f"signalbox/assessor:{version()}", str(ROOT)]
    assert "--build-arg=RUNTIME_IMAGE=r" in build_command("docker", LLAMA, order)


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_buildah_keeps_the_layers_of_every_image(image) -> None:
    command = build_command("buildah", image, Order(registry="a.b"))
    assert command[:3] == ["buildah", "bud", "--layers"]
    assert command[command.index("--file") + 1] == str(ROOT / image.dockerfile)
    assert ("--target" in command) == (image.target is not None)
    assert command[command.index("--tag") + 1] == f"a.b/signalbox/{image.name}:{version()}"


def test_push_asks_buildah_for_the_digest() -> None:
    assert push_command("docker", "a.b/c:1", Path("d")) == ["docker", "push", "a.b/c:1"]
    assert push_command("buildah", "a.b/c:1", Path("d")) == [
        "buildah",
        "push",
        "--digestfile",
        "d",
        "a.b/c:1",
    ]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, but for the shell that its scripts name."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_machine_without_builders_is_told_what_to_install(programs: Path) -> None:
    with pytest.raises(SetupError, match=r"docker is not installed.*apt-get install buildah"):
        build([ASSESSOR], Order(), programs, Console(quiet=True))


def test_a_docker_that_does_not_answer_is_told_with_its_reason(programs: Path) -> None:
    script(programs / "docker", "echo permission denied at the socket >&2; exit 1")
    with pytest.raises(SetupError, match="permission denied at the socket"):
        find(Console(quiet=True))
    script(programs / "buildah", "exit 0")
    console = Console(record=True, quiet=False, file=(programs / "out").open("w"), width=200)
    assert find(console) == "buildah"
    assert "permission denied at the socket" in console.export_text()


def test_nothing_is_pushed_when_a_build_fails(programs: Path) -> None:
    script(programs / "docker", f'echo "$1" >> {programs}/called; [ "$1" = version ] || exit 3')
    with pytest.raises(SetupError, match="make images-local"):
        build([ASSESSOR, LLAMA], Order(registry="a.b", push=True), programs, Console(quiet=True))
    assert (programs / "called").read_text().split() == ["version", "build"]


def test_digest_is_read_from_what_docker_says_of_the_push(programs: Path) -> None:
    digest = f"sha256:{'0a' * 32}"
    script(programs / "docker", f"echo 0.1.0: digest: {digest} size: 1234")
    assert push("docker", ASSESSOR, Order(registry="a.b"), programs, Console(quiet=True)) == digest
    script(programs / "docker", "echo no basic auth credentials; exit 1")
    with pytest.raises(SetupError, match=r"docker login a\.b$"):
        push("docker", ASSESSOR, Order(registry="a.b/team"), programs, Console(quiet=True))


def test_make_hands_its_variables_over() -> None:
    variables = [
        "REGISTRY=a.b/c",
        "PUSH=1",
        "BUILD_ARGS=A=1 B=2",
        "BUILD_OPTIONS=--network host",
        "IMAGES=assessor encoder",
    ]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    done = subprocess.run(
        ["make", "--dry-run", "images", *variables],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    line = " ".join(done.stdout.replace("\\\n", " ").split())
    assert line.endswith(
        "build assessor encoder --registry=a.b/c --push --build-arg=A=1 --build-arg=B=2 "
        "--build-option=--network --build-option=host"
    )
