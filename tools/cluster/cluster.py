"""Bring the cluster up from nothing and down to nothing."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from signalbox.errors import SetupError
from tools.cache import cache_folder
from tools.cluster import components, images, kserve, needs, objects
from tools.cluster.inside import Inside, leftovers
from tools.cluster.layout import Layout, program_folders


def default_layout() -> Layout:
    """The cluster of this machine: there is one at a time."""
    return Layout(cache_folder() / "cluster")


def up(layout: Layout, archives: list[Path]) -> Inside:
    """Start a cluster from nothing with the images of these archives; takes it down again when that fails."""
    needs.check_machine()
    program_folders()
    inside = Inside(layout)
    if inside.pid() is not None:
        raise SetupError("A cluster is already running.", hint="Stop it: python -m tools.cluster down")
    shutil.rmtree(layout.work, ignore_errors=True)
    layout.folder("logs")
    start = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"· {time.monotonic() - start:5.1f} s  {text}\n")

    try:
        _up(layout, inside, archives, say)
    except BaseException:
        down(layout)
        raise
    return inside


def _up(layout: Layout, inside: Inside, archives: list[Path], say: components.Say) -> None:
    own = images.make_own(cache_folder() / "cluster-images", layout.folder("scratch"))
    components.prepare(layout, inside)
    say("namespaces created")
    components.start(inside, [*own, *archives], say)
    objects.install_volumes(layout, inside)
    objects.install_definitions(inside)
    kserve.install(inside)
    say("KServe's manager is up")


def down(layout: Layout) -> None:
    """End the cluster; only its logs stay. Raises SetupError when something else of it is left on this machine."""
    components.end(Inside(layout))
    left = leftovers(layout.work)
    if left:
        raise SetupError(f"The cluster is down, but left behind: {', '.join(left)}")
    for path in layout.work.iterdir() if layout.work.is_dir() else ():
        if path.name != "logs":
            _remove(path) if path.is_dir() else path.unlink()


def _remove(folder: Path) -> None:
    """Remove a tree. The kernel takes down the mounts of killed pods a moment later, so files may disappear meanwhile."""
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(1)
    shutil.rmtree(folder)
