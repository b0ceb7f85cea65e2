"""A registry and a docker daemon of Debian's packages, on loopback, in a folder: nothing of them outlives the block."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.helpers import free_port
from tests.tools.images.container import end

# User `push` with the password `push`.
_USER = "push:$2b$05$pCPKPpb9G/GwRRFJW8sh4O..VKJPPQ3d4NDhTtz24TgfSJBj.wP2u\n"
_REGISTRY = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/blobs}}}}
http: {{addr: "{host}"}}
"""
_AUTH = "auth: {{htpasswd: {{realm: stand-in, path: {folder}/users}}}}\n"


def needs(**packages: str) -> None:
    """Skip with the name of the Debian package that has the program."""
    for program, package in packages.items():
        if shutil.which(program.replace("_", "-")) is None:
            pytest.skip(f"{program} is missing: apt-get install {package}")


@contextlib.contextmanager
def running_registry(folder: Path, *, login: bool = False) -> Iterator[str]:
    """Yields host:port; with `login`, only the user `push` may come in."""
    needs(docker_registry="docker-registry")
    folder.mkdir(parents=True)
    host = f"127.0.0.1:{free_port()}"
    config = folder / "config.yml"
    config.write_text((_REGISTRY + _AUTH * login).format(folder=folder, host=host))
    (folder / "users").write_text(_USER)
    with running(["docker-registry", "serve", str(config)], folder / "log", lambda: _answers(host)):
        yield host


@contextlib.contextmanager
def running_docker(folder: Path) -> Iterator[dict[str, str]]:
    """Yields the environment that leads docker's client to it. Without a bridge: builds take the host's network."""
    needs(docker="docker.io", dockerd="docker.io", containerd="containerd", runc="runc")
    folder.mkdir(parents=True)
    group = f"signalbox-test-{os.getpid()}"
    environment = {"DOCKER_HOST": f"unix://{folder}/socket", "DOCKER_CONFIG": f"{folder}/config"}
    command = [
        "dockerd", f"--host=unix://{folder}/socket", f"--data-root={folder}/data", f"--exec-root={folder}/exec",
        f"--pidfile={folder}/pid", "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false",
        "--ip-masq=false", "--userland-proxy=false", f"--cgroup-parent=/{group}",
    ]  # fmt: skip
    try:
        with running(command, folder / "log", lambda: _said_yes(["docker", "info"], environment)):
            yield environment
    finally:
        _remove_group(group)


def buildah_environment(folder: Path, host: str) -> dict[str, str]:
    """A store, logins and a word about the registry's missing TLS that are buildah's own; docker is out of reach."""
    folder.mkdir(parents=True)
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/store"\nrunroot = "{folder}/state"\n'
    )
    (folder / "auth.json").write_text("{}")
    (folder / "registries.conf").write_text(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
    return {
        "DOCKER_HOST": f"unix://{folder}/nothing",
        "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
        "CONTAINERS_REGISTRIES_CONF": f"{folder}/registries.conf",
        "REGISTRY_AUTH_FILE": f"{folder}/auth.json",
        "TMPDIR": str(folder),
    }


@contextlib.contextmanager
def running(command: list[str], log: Path, ready: Callable[[], bool]) -> Iterator[None]:
    """Run in namespaces of its own: its mounts and children end with it, and it with the process of the test."""
    spaces = [
        "setpriv", "--pdeathsig", "KILL",
        "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
    ]  # fmt: skip
    with (
        log.open("w") as output,
        subprocess.Popen([*spaces, *command], stdout=output, stderr=output) as process,
    ):
        try:
            _wait(process, log, ready)
            yield
        finally:
            end(process)


def _remove_group(name: str) -> None:
    """The one thing of a daemon that no namespace ends: its control groups, of version 1 or 2."""
    root = Path("/sys/fs/cgroup")
    for top in [root / name, *root.glob(f"*/{name}")]:
        for path in sorted([top, *top.rglob("*")], reverse=True):
            if path.is_dir():
                path.rmdir()


def _wait(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not ready():
        assert process.poll() is None, f"ended with {process.returncode}: {log.read_text()[-3000:]}"
        assert time.monotonic() < end, f"does not answer: {log.read_text()[-3000:]}"
        time.sleep(0.2)


def _answers(host: str) -> bool:
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(f"http://{host}/v2/").status_code in {200, 401}
    return False


def _said_yes(command: list[str], environment: dict[str, str]) -> bool:
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=False)
    return done.returncode == 0
