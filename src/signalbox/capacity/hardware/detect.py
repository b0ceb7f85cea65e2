"""GPUs of this machine, by the tools of their vendors: nvidia-smi, rocm-smi, sysctl. Parsing is apart from running."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from signalbox.errors import SetupError

_SECONDS = 20
_MIB, _BYTES_PER_MIB = 1024, 1024 * 1024
NVIDIA = ("nvidia-smi", "--query-gpu=name,memory.total,compute_cap", "--format=csv,noheader,nounits")
AMD = ("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json")
APPLE = ("sysctl", "-n", "machdep.cpu.brand_string", "hw.memsize")
Run = Callable[[Sequence[str]], str | None]


@dataclass(frozen=True)
class LocalGpu:
    """GPUs of one kind of this machine: the tool's name for it, its memory, and how many."""

    name: str
    memory_mib: int | None
    count: int
    capability: float | None = None
    tool: str = ""


def output_of(command: Sequence[str]) -> str | None:
    """What a tool prints; None where it is absent or fails."""
    try:
        outcome = subprocess.run(list(command), capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return outcome.stdout if outcome.returncode == 0 else None


def local_gpus(run: Run = output_of) -> tuple[LocalGpu, ...]:
    """All kinds, the largest memory first. Raises SetupError where no tool reports any."""
    for command, parse in ((NVIDIA, parse_nvidia), (AMD, parse_amd), (APPLE, parse_apple)):
        text = run(command)
        if text and (gpus := parse(text)):
            return tuple(sorted(gpus, key=lambda row: -(row.memory_mib or 0) * row.count))
    raise SetupError(
        "`--gpu auto`: no GPU on this machine (nvidia-smi, rocm-smi and sysctl report none)",
        hint="name one, for example `--gpu L4`, or state `--gpu-memory 48`",
    )


def parse_nvidia(text: str) -> list[LocalGpu]:
    """Lines of name, MiB and compute capability; `[N/A]` is the memory of a chip that shares it with the CPU."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if len(row) >= 2]
    return _merged([LocalGpu(row[0], _number(row[1]), 1, _capability(row), "nvidia-smi") for row in rows])


def parse_amd(text: str) -> list[LocalGpu]:
    """The JSON of rocm-smi: one object a card, bytes of VRAM, the name under a key that differs by version."""
    try:
        cards = json.loads(text[text.index("{") :])
    except ValueError:
        return []
    rows = []
    for card in cards.values():
        if not isinstance(card, dict):
            continue
        keys = {key.lower(): str(value) for key, value in card.items()}
        name = keys.get("card series") or keys.get("card model") or keys.get("device name") or "AMD GPU"
        size = _number(keys.get("vram total memory (b)", ""))
        rows.append(LocalGpu(name, size // _BYTES_PER_MIB if size else None, 1, None, "rocm-smi"))
    return _merged(rows)


def parse_apple(text: str) -> list[LocalGpu]:
    """Brand string and bytes of memory, which the GPU shares."""
    lines = text.split("\n")
    if len(lines) < 2 or not lines[0].startswith("Apple"):
        return []
    size = _number(lines[1])
    return [LocalGpu(lines[0].strip(), size // _BYTES_PER_MIB if size else None, 1, None, "sysctl")]


def _merged(rows: Sequence[LocalGpu]) -> list[LocalGpu]:
    merged: dict[tuple[str, int | None], LocalGpu] = {}
    for row in rows:
        key = (row.name, row.memory_mib)
        count = merged[key].count + 1 if key in merged else 1
        merged[key] = LocalGpu(row.name, row.memory_mib, count, row.capability, row.tool)
    return list(merged.values())


def _number(text: str) -> int | None:
    match = re.match(r"^\s*(\d+)", text)
    return int(match[1]) if match else None


def _capability(row: Sequence[str]) -> float | None:
    try:
        return float(row[2])
    except (IndexError, ValueError):
        return None
