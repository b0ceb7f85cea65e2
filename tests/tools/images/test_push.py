"""`make images` for real: bases from a registry, by tag and by digest, built by docker and buildah, pushed, pulled, run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from rich.console import Console

from signalbox.errors import SetupError
from tests.helpers import free_port
from tests.tools.images.container import manifest_of, pull
from tests.tools.images.standins import buildah_environment, needs, running_docker, running_registry
from tools.cache import images_folder
from tools.images.bases import BASES
from tools.images.build import make_bases, store
from tools.images.catalogue import ROOT, select, version
from tools.images.registry import Order, push

pytestmark = pytest.mark.cluster

# Docker's builder of old and BuildKit print, cache and read Dockerfiles in ways of their own.
BUILDERS = {"docker": {"DOCKER_BUILDKIT": "0"}, "buildkit": {"DOCKER_BUILDKIT": "1"}, "buildah": {}}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """On the disk: stores of layers, and overlays cannot lie on memory."""
    path = Path(tempfile.mkdtemp(prefix="signalbox-push-", dir="/var/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def registry(folder: Path) -> Iterator[str]:
    """A registry that holds the bases."""
    assert os.geteuid() == 0, "Mounts need root."
    needs(buildah="buildah", mmdebstrap="mmdebstrap")
    with running_registry(folder / "registry") as host:
        push_bases(host, folder)
        yield host


def push_bases(host: str, folder: Path) -> None:
    """BUILD_IMAGE is given this machine's certificates, as one is that builds behind a wall."""
    certificates = folder / "certificates"
    shutil.copytree("/etc/ssl/certs", certificates / "certs")
    with store(images_folder()) as buildah:
        make_bases(BASES, buildah, images_folder(), Console(quiet=True))
        for base in BASES:
            source = base.reference
            if base.argument == "BUILD_IMAGE":
                recipe = certificates / "Containerfile"
                recipe.write_text(f"FROM {source}\nCOPY certs /etc/ssl/certs\n")
                source = f"{host}/signalbox-base/build:trusting"
                run(*buildah, "bud", "--quiet", "--tag", source, "--file", str(recipe), str(certificates))
            run(
                *buildah,
                "push",
                "--tls-verify=false",
                source,
                f"docker://{base_reference(host, base.argument)}",
            )
        run(*buildah, "rmi", f"{host}/signalbox-base/build:trusting")


def base_reference(host: str, argument: str) -> str:
    return f"{host}/signalbox-base/{argument.removesuffix('_IMAGE').lower()}:bookworm"


@pytest.fixture(params=list(BUILDERS))
def builder(
    request: pytest.FixtureRequest, folder: Path, registry: str
) -> Iterator[tuple[str, dict[str, str]]]:
    own = folder / request.param
    if request.param == "buildah":
        yield request.param, buildah_environment(own, registry)
    else:
        with running_docker(own) as environment:
            if request.param == "buildkit":
                needs_buildkit(environment)
            yield request.param, {**environment, **BUILDERS[request.param]}
    shutil.rmtree(own)


def needs_buildkit(environment: dict[str, str]) -> None:
    """Docker's client has BuildKit of its own up to version 22, and by a plugin from then on."""
    told = {**os.environ, **environment}
    client = run("docker", "version", "--format", "{{.Client.Version}}", environment=environment)
    plugin = subprocess.run(["docker", "buildx", "version"], env=told, capture_output=True, check=False)
    if int(client.partition(".")[0]) > 22 and plugin.returncode != 0:
        pytest.skip("docker's plugin buildx is missing: apt-get install docker-buildx")


def test_image_is_built_pushed_pulled_and_run(
    builder: tuple[str, dict[str, str]], registry: str, folder: Path
) -> None:
    name, environment = builder
    base = by_digest(registry, "PYTHON_IMAGE")
    done = build(
        folder,
        environment,
        "--network",
        "host",
        registry=f"{registry}/{name}",
        bases={"PYTHON_IMAGE": base, "BUILD_IMAGE": base_reference(registry, "BUILD_IMAGE")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    target = folder / name / "pulled"
    target.mkdir()
    image = pull(f"{registry}/{name}/signalbox/assessor:{version()}", target)
    with httpx2.Client(base_url=f"http://{registry}/v2/{name}/signalbox/assessor/") as client:
        assert manifest_of(client, version()).headers["docker-content-digest"] in done.stdout
    labels = image.config["Labels"]
    assert labels["org.opencontainers.image.base.name"] == base
    assert labels["org.opencontainers.image.version"] == version()
    assert not [path for place in ("root", "tmp", "var/tmp") for path in (image.root / place).rglob("*.whl")]
    assert not (image.root / "root" / ".cache").exists()
    assert not list(image.root.glob("opt/uv")) + list(image.root.glob("tmp/*"))
    port = free_port()
    settings = {"SIGNALBOX_HOST": "127.0.0.1", "SIGNALBOX_ASSESSOR_PORT": str(port)}
    url = f"http://127.0.0.1:{port}"
    state = {"SIGNALBOX_DATABASE_URL": "sqlite:////tmp/signalbox.db", "SIGNALBOX_STATE_DIR": "/tmp"}
    with image.serving(f"{url}/healthz", **settings, **state):
        assert "<form" in httpx2.get(url).text


def build(
    folder: Path, environment: dict[str, str], *options: str, registry: str, bases: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """What `make images` runs, for the assessor."""
    command = [sys.executable, "-m", "tools.images", "build", "assessor", f"--registry={registry}", "--push"]
    command += [f"--build-arg={name}={value}" for name, value in bases.items()]
    command += [f"--build-option={option}" for option in options]
    # The logs go where they overwrite none of the user's.
    told = {**os.environ, "SIGNALBOX_CACHE_DIR": str(folder / "cache"), **environment}
    return subprocess.run(command, env=told, cwd=ROOT, capture_output=True, text=True, check=False)


def by_digest(host: str, argument: str) -> str:
    name = base_reference(host, argument).rpartition(":")[0]
    with httpx2.Client(base_url=f"http://{host}/v2/{name.partition('/')[2]}/") as client:
        return f"{name}@{manifest_of(client, 'bookworm').headers['docker-content-digest']}"


def test_a_registry_that_asks_for_a_login_is_pushed_to_after_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(buildah="buildah")
    image, own, console = select(["assessor"])[0], folder / "login", Console(quiet=True)
    with running_registry(folder / "closed", login=True) as host:
        for name, value in buildah_environment(own, host).items():
            monkeypatch.setenv(name, value)
        order = Order(registry=host, push=True)
        (own / "Containerfile").write_text("FROM scratch\nCOPY Containerfile /\n")
        run("buildah", "bud", "--quiet", "--tag", order.tag(image), str(own))
        with pytest.raises(SetupError, match=f"buildah login {host}"):
            push("buildah", image, order, own, console)
        run("buildah", "login", "--tls-verify=false", "--username", "push", "--password", "push", host)
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", push("buildah", image, order, own, console))


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    told = {**os.environ, **(environment or {})}
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
