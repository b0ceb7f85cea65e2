"""Parsers of the boot logs of vLLM and llama-server. `patterns.py` has the lines.

A line may have any prefix (process name, time, file, pod) and colors: patterns are searched, not matched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from signalbox.capacity.boot_logs.boot import MeasuredBoot
from signalbox.capacity.boot_logs.llamacpp import LlamaLog
from signalbox.capacity.boot_logs.vllm import VllmLog
from signalbox.errors import InputError

_COLOR = re.compile(r"\x1b?\[\d+(?:;\d+)*m")
_NO_BOOT_HINT = (
    "use the log from the server's start. vLLM: no line “Model loading took … GiB”, “Available KV cache memory: …” or a "
    "known failure; llama.cpp: no line “… model buffer size = … MiB”, which newer servers only print with `-lv 4`"
)


def read_log(path: Path) -> MeasuredBoot:
    """The last boot in a log file. Raises InputError for a file that is unreadable or has no boot."""
    try:
        with path.open(encoding="utf-8", errors="replace") as text:
            return parse(text, str(path))
    except OSError as error:
        problem = f"cannot read `{path}`: {error.strerror}"
        raise InputError("log", str(path), "use a file that this user can read", problem=problem) from error


def parse(text: Iterable[str], name: str = "log") -> MeasuredBoot:
    """Parse a log of either engine."""
    vllm, llama = VllmLog(), LlamaLog()
    for line in text:
        plain = _COLOR.sub("", line).rstrip()
        vllm.read(plain)
        llama.read(plain)
    for boot in (vllm.measured(), llama.measured()):
        if boot is not None:
            return boot
    raise InputError("log", name, _NO_BOOT_HINT, problem=f"no vLLM or llama.cpp startup found in `{name}`")
