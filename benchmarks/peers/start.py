"""The start of the command line next to a Python that does nothing.

CPU time of the process and of its children: on a busy machine, the wall time is mostly that of other work.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial

from benchmarks.peers.environments import Report
from benchmarks.peers.rounds import Figures, Size, in_turns, median, ratios, spread

_CLI = (sys.executable, "-m", "signalbox.cli")
EMPTY = "python -c pass"
COMMANDS = {
    EMPTY: (sys.executable, "-c", "pass"),
    "signalbox --help": (*_CLI, "--help"),
    "signalbox plan --model llama-3.1-8b-instruct --gpu L4": (
        *_CLI, "plan", "--model", "llama-3.1-8b-instruct", "--gpu", "L4",
    ),
}  # fmt: skip
_TIMES = 3  # rounds are cheap here, so there are more of them


def run(size: Size, report: Report) -> list[dict[str, object]]:
    """A row for each command."""
    contestants = {name: partial(_start, command) for name, command in COMMANDS.items()}
    for warm_up in contestants.values():
        warm_up()  # byte code and page cache
    rounds = in_turns(contestants, size.rounds if size.quick else size.rounds * _TIMES)
    return [_row(name, rounds) for name in COMMANDS]


def _start(command: tuple[str, ...]) -> Figures:
    before, started = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - started, os.times()
    children = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": seconds, "cpu_seconds": children}


def _row(name: str, rounds: list[dict[str, Figures]]) -> dict[str, object]:
    return {
        "command": f"`{name}`",
        "seconds": round(median(rounds, name, "seconds"), 3),
        "CPU seconds": round(median(rounds, name, "cpu_seconds"), 3),
        f"CPU over `{EMPTY}`": "" if name == EMPTY else spread(ratios(rounds, "cpu_seconds", name, EMPTY), 1),
    }
