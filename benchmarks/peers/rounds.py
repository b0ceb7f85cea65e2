"""Rounds in turns, ratios with their spread, and the CPU time of servers.

Every contestant runs once a round, so that other work on the machine affects each of them, and ratios are taken within a
round. The order changes from round to round.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Figures = dict[str, float]
Measure = Callable[[], Figures]
_TICKS = os.sysconf("SC_CLK_TCK")
_GROUP, _UTIME, _CUTIME = 2, 11, 15  # fields of /proc/PID/stat after the name, counted from the state


@dataclass(frozen=True)
class Size:
    """How much a run measures: `quick` shows that everything works, and its figures are no result."""

    rounds: int
    seconds: int
    quick: bool = False


FULL, QUICK = Size(rounds=5, seconds=5), Size(rounds=2, seconds=1, quick=True)


def in_turns(contestants: Mapping[str, Measure], rounds: int) -> list[dict[str, Figures]]:
    """The figures of each contestant, by round. Every second round runs backwards."""
    names = list(contestants)
    return [
        {name: contestants[name]() for name in (names if number % 2 == 0 else names[::-1])}
        for number in range(rounds)
    ]


def median(rounds: Sequence[Mapping[str, Figures]], name: str, key: str) -> float:
    """Median of a figure over the rounds."""
    return statistics.median(one[name][key] for one in rounds)


def ratios(rounds: Sequence[Mapping[str, Figures]], key: str, above: str, below: str) -> list[float]:
    """`above` divided by `below`, round by round."""
    return [one[above][key] / one[below][key] for one in rounds]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median with the lowest and the highest value: `4.58 (4.46 to 4.63)`."""
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def process_cpu_seconds(pid: int) -> float:
    """CPU time of a process with all its threads, to the nanosecond (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def group_cpu_seconds(leader: int) -> float:
    """CPU time of a process group, with the children that its processes have waited for.

    `local.processes.Supervisor` starts each server in a group of its own.
    """
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
        except OSError:  # it has ended
            continue
        if int(fields[_GROUP]) == leader:
            ticks += sum(map(int, fields[_UTIME:_CUTIME]))
    return ticks / _TICKS
