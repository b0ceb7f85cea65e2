"""Memory of the process behind a port, and what is free on this machine, from /proc (Linux).

psutil would read the same, but KServe requires psutil below 6, which has no wheel for arm64.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

_LISTEN = "0A"
_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")


def resident_bytes(port: int) -> int | None:
    """Resident memory of the process that listens on a TCP port; None when it is not on this machine."""
    sockets = _listening_inodes(port)
    for folder in _PROC.glob("[0-9]*"):
        if sockets & _open_sockets(folder):
            return _resident(folder)
    return None


def available_bytes(meminfo: Path = _PROC / "meminfo", cgroup: Path = _CGROUP) -> int | None:
    """What the kernel says is available, within the limit of the cgroup (version 2 or 1); None where neither is known."""
    limits = [value for value in (_available(meminfo), _left(cgroup)) if value is not None]
    return min(limits, default=None)


def total_bytes(parts: Sequence[int | None]) -> int | None:
    """The sum; None where a part is unknown."""
    numbers = [part for part in parts if part is not None]
    return sum(numbers) if len(numbers) == len(parts) else None


def _listening_inodes(port: int) -> set[str]:
    suffix = f":{port:04X}"
    inodes = set()
    for table in ("net/tcp", "net/tcp6"):
        path = _PROC / table
        for line in path.read_text(encoding="ascii").splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[1].endswith(suffix) and fields[3] == _LISTEN:
                inodes.add(f"socket:[{fields[9]}]")
    return inodes


def _open_sockets(folder: Path) -> set[str]:
    targets = set()
    with contextlib.suppress(OSError):  # the process ended meanwhile, or belongs to another user
        for entry in (folder / "fd").iterdir():
            with contextlib.suppress(
                OSError
            ):  # a descriptor that was closed meanwhile hides none of the others
                targets.add(str(entry.readlink()))
    return targets


def _resident(folder: Path) -> int | None:
    try:
        status = (folder / "status").read_text(encoding="utf-8")
    except OSError:
        return None
    line = next((line for line in status.splitlines() if line.startswith("VmRSS:")), None)
    return int(line.split()[1]) * 1024 if line else None


def _available(meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    line = next((line for line in lines if line.startswith("MemAvailable:")), None)
    return int(line.split()[1]) * 1024 if line else None


def _left(cgroup: Path) -> int | None:
    """The limit minus the use. Version 1 writes a huge number where there is no limit, version 2 `max`."""
    for limit_name, use_name in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            limit = (cgroup / limit_name).read_text(encoding="ascii").strip()
            use = (cgroup / use_name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if limit.isdecimal():
            return max(0, int(limit) - int(use))
    return None
