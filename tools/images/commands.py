"""Run a command that takes minutes: its output to a log, its steps to the terminal."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from signalbox.errors import SetupError

# Buildah's and docker's older builder, then BuildKit, which puts the step's number before all that a step prints.
_STEP = re.compile(r"^(?:\[\d+/\d+\] )?(?:STEP|Step) (\d+/\d+) ?: (.*)|^#\d+ \[[^]]*?(\d+/\d+)\] (.*)")
_NINJA = re.compile(r"^(?:#\d+ [\d.]+ )?\[(\d+)/(\d+)\] ")
_WIDTH = 90


def run_logged(
    command: Sequence[str], log: Path, console: Console, environment: Mapping[str, str] | None = None
) -> None:
    """Run to the end. Raises SetupError with the log's last lines when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    start, percent, tail = time.monotonic(), 0, [""]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, **(environment or {})},
    )
    with log.open("w", encoding="utf-8") as file, process:
        for line in process.stdout or ():
            file.write(line)
            tail = [*tail[-14:], line]
            text, percent = progress(line, percent)
            if text:
                console.print(
                    f"  {time.monotonic() - start:5.0f} s  {text}",
                    markup=False,
                    highlight=False,
                    emoji=False,
                )
    if process.returncode:
        raise SetupError(
            f"{command[0]} ended with status {process.returncode}; all of its output: {log}\n{''.join(tail).strip()}"
        )


def progress(line: str, percent: int) -> tuple[str | None, int]:
    """What to show of a line (None: nothing), and the last fifth of a compilation that was shown.

    Steps are shown when they run commands; of a compilation's lines, one for every fifth.
    """
    if step := _STEP.match(line):
        number, instruction = step[1] or step[3], step[2] or step[4]
        text = f"{number} {instruction}".strip()[:_WIDTH] if instruction.startswith("RUN") else None
        return text, 0
    if compiled := _NINJA.match(line):
        fifth = 100 * int(compiled[1]) // int(compiled[2]) // 20 * 20
        if percent < fifth < 100:
            return f"compiling: {fifth} %", fifth
    return None, percent
