"""Run an image's archive as Kubernetes would: its user, a read-only root, no capabilities, what is mounted writable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

UID = 10001
# In namespaces of its own: the mounts end with the processes, whatever happens to the test.
_START = """
set -eu
root=$1; shift
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done
shift
exec chroot "$root" setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all "$@"
"""


@dataclass(frozen=True)
class Container:
    """An unpacked image with its configuration."""

    root: Path
    config: dict[str, Any]
    mounts: dict[Path, str] = field(default_factory=dict)

    def command(self, *arguments: str, **environment: str) -> list[str]:
        """What starts it; without arguments the image's own command."""
        mounted = [part for source, target in self.mounts.items() for part in (str(source), target)]
        variables = [*self.config["Env"], *(f"{name}={value}" for name, value in environment.items())]
        return [
            "unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private",
            "sh", "-c", _START, "sh", str(self.root), *mounted, "--",
            "env", "-i", f"--chdir={self.config['WorkingDir']}", *variables, *(arguments or self.config["Cmd"]),
        ]  # fmt: skip

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        return subprocess.run(
            self.command(*arguments, **environment), capture_output=True, text=True, check=False, timeout=600
        )

    @contextlib.contextmanager
    def serving(self, url: str, *arguments: str, **environment: str) -> Iterator[None]:
        """Run until the block ends; the block starts when the address answers 200."""
        with subprocess.Popen(
            self.command(*arguments, **environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            try:
                _wait(url, process)
                yield
            finally:
                end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the first process of the namespace, and the kernel ends the rest.

    --kill-child does not do it: the signal that a parent's death sends is forgotten when setpriv changes the user.
    """
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    first = children.read_text(encoding="ascii").split() if children.exists() else []
    for pid in first:
        os.kill(int(pid), signal.SIGKILL)
    process.wait(timeout=20) if first else process.kill()


def _wait(url: str, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            output = process.stdout.read().decode() if process.stdout else ""
            raise AssertionError(f"ended with {process.returncode}: {output[-3000:]}")
        with contextlib.suppress(httpx2.HTTPError):
            if httpx2.get(url, timeout=5).status_code == 200:
                return
        time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")


def unpack(archive: Path, folder: Path) -> Container:
    """The root file system of a docker archive: its layers in order, with what later ones remove."""
    root = folder / "root"
    root.mkdir()
    with tarfile.open(archive) as outer:
        manifest = json.loads(_member(outer, "manifest.json"))[0]
        config = json.loads(_member(outer, manifest["Config"]))["config"]
        for name in manifest["Layers"]:
            with tarfile.open(fileobj=outer.extractfile(name)) as layer:
                _apply(layer, root)
    return Container(root, config)


def pull(reference: str, folder: Path) -> Container:
    """The same of what a registry answers over HTTP under this name, each part held to its digest."""
    host, _, rest = reference.partition("/")
    repository, _, tag = rest.rpartition(":")
    scheme = "http" if host.startswith("127.0.0.1:") else "https"
    root = folder / "root"
    root.mkdir()
    with httpx2.Client(
        base_url=f"{scheme}://{host}/v2/{repository}/", follow_redirects=True, timeout=60
    ) as client:
        manifest = manifest_of(client, tag).json()
        config = json.loads(_blob(client, manifest["config"]["digest"], folder).read_bytes())["config"]
        for part in manifest["layers"]:
            path = _blob(client, part["digest"], folder)
            with tarfile.open(path) as layer:
                _apply(layer, root)
            path.unlink()
    return Container(root, config)


def manifest_of(client: httpx2.Client, tag: str) -> httpx2.Response:
    """A manifest of one platform, as docker or as the OCI writes it."""
    kinds = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    return client.get(f"manifests/{tag}", headers={"Accept": kinds}).raise_for_status()


def _blob(client: httpx2.Client, digest: str, folder: Path) -> Path:
    path = folder / digest.replace(":", "-")
    hasher = hashlib.sha256()
    with client.stream("GET", f"blobs/{digest}") as answer, path.open("wb") as file:
        for chunk in answer.raise_for_status().iter_bytes():
            hasher.update(chunk)
            file.write(chunk)
    assert digest == f"sha256:{hasher.hexdigest()}"
    return path


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()


def _apply(layer: tarfile.TarFile, root: Path) -> None:
    members = layer.getmembers()
    for member in members:
        path = root / member.name
        if path.name.startswith(".wh."):
            gone = path.with_name(path.name.removeprefix(".wh."))
            shutil.rmtree(gone) if gone.is_dir() and not gone.is_symlink() else gone.unlink(missing_ok=True)
    kept = [m for m in members if not Path(m.name).name.startswith(".wh.") and not m.isdev()]
    layer.extractall(root, kept, numeric_owner=True, filter="fully_trusted")
