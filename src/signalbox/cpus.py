"""CPUs that this process may use: its affinity, and the quotas of its control groups (cgroup v1 and v2).

A container with a limit of one CPU sees all CPUs of its node. More threads than the limit wait for each other: two
threads of llama.cpp on one busy CPU need 15 times as long as one (docs/log.md).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class _Mount:
    """A mounted hierarchy: the group that is its root, and where. `controllers` is empty for v2."""

    root: PurePosixPath
    point: Path
    controllers: frozenset[str]


def usable_cpus(proc: Path = Path("/proc/self"), affinity: int | None = None) -> int:
    """Whole CPUs, at least 1: the affinity, or the lowest quota of this process's groups, rounded down.

    `proc` is the process's folder in procfs, `affinity` the number of CPUs that the scheduler allows it.
    """
    allowed = affinity if affinity is not None else _affinity()
    return max(1, int(min([float(allowed), *_quotas(proc)])))


def threads(setting: int | None, cpus: int, *, spare: int = 0) -> int:
    """Threads for a pool: those of a setting, never more than the CPUs; without one, all CPUs but `spare`, at least 1."""
    return min(setting or max(1, cpus - spare), cpus)


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(proc: Path) -> Iterator[float]:
    """The quota of each group from the process's own up to the root of the mount, in CPUs, where one is set."""
    mounts = list(_mounts(proc))
    for line in _lines(proc / "cgroup"):
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        controllers = frozenset(filter(None, names.split(",")))
        if controllers and "cpu" not in controllers:
            continue
        for mount in mounts:
            if (not controllers and not mount.controllers) or (controllers and "cpu" in mount.controllers):
                for folder in _groups(mount, PurePosixPath(path)):
                    yield from _quota(folder)


def _mounts(proc: Path) -> Iterator[_Mount]:
    """From mountinfo(5): `… root mount-point options … - type source super-options`."""
    for line in _lines(proc / "mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or not kind or kind[0] not in {"cgroup", "cgroup2"}:
            continue
        controllers = frozenset(kind[-1].split(",")) if kind[0] == "cgroup" else frozenset()
        yield _Mount(PurePosixPath(fields[3]), Path(fields[4]), controllers)


def _groups(mount: _Mount, path: PurePosixPath) -> list[Path]:
    """Folders of the group and of those above it. A group outside the mount's root is the mount itself: a container
    sees its own group there under the name that the host gave it."""
    inside = path.relative_to(mount.root) if path.is_relative_to(mount.root) else PurePosixPath()
    names = [part for part in inside.parts if part not in {"/", ".."}]
    return [mount.point.joinpath(*names[:depth]) for depth in range(len(names), -1, -1)]


def _quota(folder: Path) -> Iterator[float]:
    """`cpu.max` of v2 ("QUOTA PERIOD"), or the two files of v1, in microseconds."""
    values = next(iter(_lines(folder / "cpu.max")), "").split()
    if not values:
        values = [*_lines(folder / "cpu.cfs_quota_us")[:1], *_lines(folder / "cpu.cfs_period_us")[:1]]
    if len(values) == 2 and all(value.isdigit() and int(value) for value in values):  # "max" and -1: none
        yield int(values[0]) / int(values[1])


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
