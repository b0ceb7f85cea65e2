"""Build images without a registry: with buildah on bases of Debian packages, into archives."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from signalbox.errors import SetupError
from tools.images.bases import BASES, Base, make
from tools.images.catalogue import ROOT, Image, digest, inputs, version
from tools.images.commands import run_logged

_PACKAGES = {"buildah": "buildah", "mmdebstrap": "mmdebstrap"}  # program → Debian package
# Every build leaves some twenty layers for the next one to start from; beyond this many they are dropped (a few GB).
_MOST_LAYERS = 250
_CERTIFICATES = Path("/etc/ssl/certs")


def build_local(images: Sequence[Image], folder: Path, console: Console) -> None:
    """Build on Debian packages into archives; existing archives are reused."""
    with store(folder) as buildah:
        for image in images:
            archive = archive_of(image, folder)
            if archive.exists():
                console.print(f"· {image.name}: {archive}")
            else:
                _build_archive(image, archive, buildah, console)


@contextmanager
def store(folder: Path) -> Iterator[list[str]]:
    """Buildah with a store of its own, for one caller at a time: nothing else on the machine changes."""
    _check_local()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        buildah = _buildah(folder)
        _tidy(buildah)
        yield buildah


def archive_of(image: Image, folder: Path) -> Path:
    """Path of the archive of an image; other inputs have another name."""
    return (
        folder / f"{image.name}-{digest(image, version(), *(base.reference for base in _bases(image)))}.tar"
    )


def _bases(image: Image) -> list[Base]:
    return [base for base in BASES if f"\nFROM ${base.argument}" in image.text()]


def _build_archive(image: Image, archive: Path, buildah: list[str], console: Console) -> None:
    folder = archive.parent
    make_bases(_bases(image), buildah, folder, console)
    reference = image.reference(version())
    console.print(f"· {reference}")
    run_logged(_local_command(image, buildah, folder), folder / f"{image.name}.log", console)
    partial = archive.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    target = f"docker-archive:{partial}:{reference}"
    run_logged([*buildah, "push", reference, target], folder / f"{image.name}.push.log", console)
    for old in folder.glob(f"{image.name}-{'?' * 12}.tar"):
        old.unlink()
    partial.replace(archive)
    console.print(f"  {archive} ({archive.stat().st_size / 1e6:.0f} MB)")


def make_bases(bases: Sequence[Base], buildah: list[str], folder: Path, console: Console) -> None:
    """Make those that the store does not hold yet."""
    for base in bases:
        if not _has(buildah, base.reference):
            make(base, buildah, folder, console)


def _local_command(image: Image, buildah: list[str], folder: Path) -> list[str]:
    """Mounts that the build sees and the image does not hold: the machine's certificates, uv's and pip's caches."""
    cache = folder / "packages"
    cache.mkdir(exist_ok=True)
    return [
        *buildah, "bud", "--isolation", "chroot", "--network", "host", "--pull-never", "--layers",
        "--timestamp", _changed(image, "%ct") or "0",
        "--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro", "--volume", f"{cache}:/root/.cache",
        *(f"--build-arg={base.argument}={base.reference}" for base in BASES),
        *arguments_of(image), "--tag", image.reference(version()), str(ROOT),
    ]  # fmt: skip


def arguments_of(image: Image) -> list[str]:
    """Arguments of every build of an image: its Dockerfile, its target, the values of its labels."""
    arguments = {
        "VERSION": version(),
        "REVISION": _changed(image, "%H") or "unknown",
        "SOURCE": os.environ.get("IMAGE_SOURCE") or "unknown",
    }
    return [
        "--file", str(ROOT / image.dockerfile),
        *(["--target", image.target] if image.target else []),
        *(f"--build-arg={name}={value}" for name, value in arguments.items()),
    ]  # fmt: skip


def _changed(image: Image, field: str) -> str:
    """A field of the last commit that changed the image's inputs; empty without git or outside a checkout."""
    if shutil.which("git") is None:
        return ""
    command = ["git", "-C", str(ROOT), "log", "-1", f"--format={field}", "--", *inputs(image)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _check_local() -> None:
    if os.geteuid() != 0:
        raise SetupError("images-local creates root file systems and mounts.", hint="Run it as root.")
    missing = [package for program, package in _PACKAGES.items() if shutil.which(program) is None]
    if missing:
        raise SetupError("Debian packages are missing.", hint=f"apt-get install {' '.join(missing)}")


def _buildah(folder: Path) -> list[str]:
    driver = "overlay" if "\toverlay\n" in Path("/proc/filesystems").read_text(encoding="utf-8") else "vfs"
    root, state = folder / "store", folder / "state"
    return ["buildah", "--root", str(root), "--runroot", str(state), "--storage-driver", driver]


def _tidy(buildah: list[str]) -> None:
    """Remove what a build that was broken off has left, mounts included, and old layers when there are many."""
    subprocess.run([*buildah, "rm", "--all"], capture_output=True, check=True)
    if len(_images(buildah, "--all")) > _MOST_LAYERS:
        subprocess.run([*buildah, "rmi", "--prune"], capture_output=True, check=True)


def _has(buildah: list[str], reference: str) -> bool:
    return any(reference in (image.get("names") or []) for image in _images(buildah))


def _images(buildah: list[str], *options: str) -> list[dict[str, Any]]:
    result = subprocess.run(
        [*buildah, "images", "--json", *options], capture_output=True, text=True, check=True
    )
    images: list[dict[str, Any]] = json.loads(result.stdout or "[]") or []
    return images
