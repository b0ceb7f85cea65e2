"""Memory that a process may still use on this machine."""

from __future__ import annotations

from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")


def available_bytes(meminfo: Path = _MEMINFO, cgroup: Path = _CGROUP) -> int | None:
    """What the kernel says is available, within the limit of the cgroup (version 2 or 1); None where neither is known."""
    limits = [value for value in (_available(meminfo), _left(cgroup)) if value is not None]
    return min(limits, default=None)


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
