"""Every image that `make images-local` wrote starts as its user on a read-only root and does its work.

With SIGNALBOX_TEST_REGISTRY=host[:port][/folder] those that `make images` pushed there are pulled and tried instead.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml

from tests.helpers import free_port, running_postgres
from tests.tools.images.container import UID, Container, pull, unpack
from tools.cache import images_folder
from tools.images.build import archive_of
from tools.images.catalogue import IMAGES, ROOT, select
from tools.images.registry import Order

pytestmark = pytest.mark.cluster

JOBS = yaml.safe_load((ROOT / "charts" / "pipelines" / "files" / "jobs.yaml").read_text())


@pytest.fixture
def folder() -> Iterator[Path]:
    """On the disk: an image has up to 800 MB."""
    path = Path(tempfile.mkdtemp(prefix="signalbox-image-", dir="/var/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def state(folder: Path) -> Path:
    path = folder / "state"
    path.mkdir()
    os.chown(path, UID, UID)
    return path


def container(name: str, folder: Path, mounts: dict[Path, str] | None = None) -> Container:
    assert os.geteuid() == 0, "Mounts need root."
    target = folder / name
    target.mkdir()
    if registry := os.environ.get("SIGNALBOX_TEST_REGISTRY"):
        pulled = pull(Order(registry=registry).tag(select([name])[0]), target)
        return dataclasses.replace(pulled, mounts=mounts or {})
    archive = archive_of(select([name])[0], images_folder())
    assert archive.exists(), f"{archive} is missing: make images-local"
    return dataclasses.replace(unpack(archive, target), mounts=mounts or {})


@pytest.mark.parametrize("name", [image.name for image in IMAGES])
def test_image_holds_nothing_that_installs_or_compiles(name: str, folder: Path) -> None:
    image = container(name, folder)
    names = {path.name for place in ("bin", "local/bin") for path in (image.root / "usr" / place).iterdir()}
    names |= {path.name for path in image.root.glob("opt/*/bin/*")}
    assert not names & {
        "pip",
        "pip3",
        "uv",
        "gcc",
        "cc",
        "g++",
        "c++",
        "cmake",
        "apt",
        "apt-get",
        "perl",
        "perl5",
    }
    assert not list(image.root.glob("opt/venv/lib/python3*/site-packages/torch"))
    assert image.config["User"] == "10001:10001"
    assert image.config["Labels"]["org.opencontainers.image.revision"] != "unknown"
    assert image.config["Labels"]["org.opencontainers.image.base.name"]
    assert (
        not list(image.root.glob("root/.cache/*"))  # empty, it is where the build mounted caches
        + list(image.root.glob("tmp/*"))
        + list(image.root.glob("opt/uv"))
    )


@pytest.mark.parametrize(("name", "most"), [("assessor", 150e6), ("encoder", 350e6)])
def test_image_is_within_its_size(name: str, most: float) -> None:
    assert archive_of(select([name])[0], images_folder()).stat().st_size <= most


@pytest.mark.parametrize("name", ["assessor", "encoder", "pipelines", "mlflow"])
def test_library_of_python_is_not_compiled_at_each_start(name: str, folder: Path) -> None:
    start = container(name, folder).run("python", "-v", "-c", "import asyncio, argparse, ssl, json, email")
    assert start.returncode == 0, start.stderr
    assert "bytecode is stale" not in start.stderr
    assert "code object from /" not in start.stderr  # a source; a .pyc has quotes


@pytest.mark.parametrize("name", ["assessor", "encoder", "pipelines", "mlflow"])
def test_public_authorities_are_trusted(name: str, folder: Path) -> None:
    code = "import ssl; print(len(ssl.create_default_context().get_ca_certs()))"
    assert int(container(name, folder).run("python", "-c", code).stdout) > 100


@pytest.mark.parametrize("name", ["assessor", "encoder", "pipelines"])
def test_root_stays_as_it_was_built(name: str, folder: Path) -> None:
    image = container(name, folder)
    done = image.run("python", "-c", "open('/app/new', 'w')")
    assert "Read-only file system" in done.stderr
    assert list((image.root / "app").rglob("*.pyc"))  # nothing to compile at the start


def test_assessor_answers(folder: Path, state: Path) -> None:
    port = free_port()
    image = container("assessor", folder, {state: "/var/lib/signalbox"})
    url = f"http://127.0.0.1:{port}"
    database = "sqlite:////var/lib/signalbox/signalbox.db"
    settings = {"HOST": "127.0.0.1", "ASSESSOR_PORT": str(port), "DATABASE_URL": database}
    with image.serving(f"{url}/healthz", **{f"SIGNALBOX_{name}": value for name, value in settings.items()}):
        assert "<form" in httpx2.get(url).text
    assert (state / "signalbox.db").stat().st_uid == UID


def test_assessor_migrates_postgres_by_command(folder: Path) -> None:
    image = container("assessor", folder)
    with running_postgres() as postgres:
        database = postgres.create("records")
        done = image.run("python", "-m", "signalbox.cli", "migrate", SIGNALBOX_DATABASE_URL=database)
    assert done.returncode == 0, done.stderr


def test_job_trains_what_the_encoder_serves(folder: Path, state: Path) -> None:
    jobs = container("pipelines", folder, {state: "/var/lib/signalbox"})
    for job, entry in JOBS.items():
        done = jobs.run(entry.get("program", "signalbox-jobs"), job, "--help")
        assert done.returncode == 0, done.stderr
    port = free_port()
    tracking = container("mlflow", folder)
    store = {"MLFLOW_BACKEND_STORE_URI": "sqlite:////tmp/mlflow.db"}
    with tracking.serving(f"http://127.0.0.1:{port}/health", *mlflow(port), **store):
        done = jobs.run("signalbox-jobs", "train", SIGNALBOX_MLFLOW_URL=f"http://127.0.0.1:{port}")
    assert done.returncode == 0, done.stdout + done.stderr
    release = (state / "releases" / "current").read_text().strip()
    encoder = container("encoder", folder, {state / "releases" / release: "/mnt"})
    port = free_port()
    url = f"http://127.0.0.1:{port}/v2/models/encoder/ready"
    command = (
        "python",
        "-m",
        "services.encoder",
        "--release-dir=/mnt",
        "--host=127.0.0.1",
        f"--http_port={port}",
    )
    with encoder.serving(url, *command):
        assert httpx2.get(url).status_code == 200


def test_mlflow_keeps_runs_in_sqlite(folder: Path, state: Path) -> None:
    port = free_port()
    image = container("mlflow", folder, {state: "/var/lib/mlflow"})
    with image.serving(f"http://127.0.0.1:{port}/health", *mlflow(port)):
        assert (state / "mlflow.db").stat().st_uid == UID


def test_mlflow_keeps_runs_in_postgres(folder: Path) -> None:
    port = free_port()
    image = container("mlflow", folder)
    with running_postgres() as postgres:
        store = postgres.create("mlflow").replace("postgresql:", "postgresql+pg8000:")
        with image.serving(f"http://127.0.0.1:{port}/health", *mlflow(port), MLFLOW_BACKEND_STORE_URI=store):
            api = f"http://127.0.0.1:{port}/api/2.0/mlflow"
            made = httpx2.post(f"{api}/experiments/create", json={"name": "proof"}).raise_for_status().json()
            run = httpx2.post(f"{api}/runs/create", json={"experiment_id": made["experiment_id"]})
            identity = run.raise_for_status().json()["run"]["info"]["run_id"]
            metric = {"run_id": identity, "key": "accuracy", "value": 0.5, "timestamp": 1}
            httpx2.post(f"{api}/runs/log-metric", json=metric).raise_for_status()
            found = httpx2.post(f"{api}/runs/search", json={"experiment_ids": [made["experiment_id"]]}).json()
            assert found["runs"][0]["data"]["metrics"][0]["value"] == 0.5
            assert "mlflow_http_request_total" in httpx2.get(f"http://127.0.0.1:{port}/metrics").text


def mlflow(port: int) -> list[str]:
    return [
        "mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1", "--serve-artifacts",
        "--artifacts-destination=file:///tmp/artifacts", "--expose-prometheus=/tmp/prometheus",
    ]  # fmt: skip


def test_llama_server_answers_from_the_model_in_its_image(folder: Path) -> None:
    port = free_port()
    image = container("llama-server-smollm2", folder)
    url = f"http://127.0.0.1:{port}"
    with image.serving(f"{url}/health", LLAMA_ARG_HOST="127.0.0.1", LLAMA_ARG_PORT=str(port)):
        asked = {"prompt": "The capital of France is", "n_predict": 8, "temperature": 0}
        assert "Paris" in httpx2.post(f"{url}/completion", json=asked, timeout=60).json()["content"]
