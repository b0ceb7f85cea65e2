"""Missing dependencies of this machine, and the commands that install them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from local import llama
from local.monitoring import prometheus
from signalbox.errors import InputError, SetupError
from signalbox.serving import listen
from signalbox.settings import Settings

Purpose = Literal["demo", "test", "bench"]
_DISK_GIB, _MEMORY_GIB = 6.0, 3.0


@dataclass(frozen=True)
class Check:
    """One dependency. `probe` returns its status for a person, or None where it is missing."""

    name: str
    needed_for: frozenset[Purpose]
    probe: Callable[[Settings], str | None]
    hint: str


@dataclass(frozen=True)
class Finding:
    """Result of a check for a purpose; `status` is None where the dependency is missing."""

    name: str
    status: str | None
    needed: bool
    hint: str

    @property
    def blocks(self) -> bool:
        """Whether the purpose fails without it."""
        return self.needed and self.status is None


def _on_path(*names: str) -> Callable[[Settings], str | None]:
    return lambda _: next((path for name in names if (path := shutil.which(name))), None)


def _python(_: Settings) -> str | None:
    return sys.version.split()[0] if sys.version_info >= (3, 11) else None


def _decoder(settings: Settings) -> str | None:
    if not settings.starts_decoder:
        return "not started here"
    try:
        program = llama.command(settings)
    except (InputError, SetupError):
        return None
    if len(program) == 1:
        return program[0]
    return None if llama.problem() else f"xllamacpp {version('xllamacpp')}"


def _postgres(_: Settings) -> str | None:
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return str(programs[-1]) if programs else shutil.which("initdb")


def _disk(settings: Settings) -> str | None:
    folder = next(path for path in (settings.cache_dir, *settings.cache_dir.parents) if path.exists())
    free = shutil.disk_usage(folder).free / 2**30
    return f"{free:.0f} GiB free" if free >= _DISK_GIB else None


def _memory(_: Settings) -> str | None:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{total:.0f} GiB" if total >= _MEMORY_GIB else None


def _ports(settings: Settings) -> str | None:
    starts = {
        settings.assessor_port: True,
        settings.encoder_port: settings.starts_encoder,
        settings.decoder_port: settings.starts_decoder,
        settings.mlflow_port: not settings.mlflow_url,
    }
    ports = [port for port, is_local in starts.items() if is_local]
    if settings.starts_prometheus and shutil.which(prometheus.PROGRAM):
        ports += [settings.prometheus_port, settings.job_metrics_port]
    for port in ports:
        try:
            listen.bind(settings.host, port).close()
        except OSError:
            return None
    return ", ".join(map(str, ports))


_PORT_VARIABLES = (
    "SIGNALBOX_ASSESSOR_PORT",
    "SIGNALBOX_ENCODER_PORT",
    "SIGNALBOX_DECODER_PORT",
    "SIGNALBOX_MLFLOW_PORT",
    "SIGNALBOX_PROMETHEUS_PORT",
    "SIGNALBOX_JOB_METRICS_PORT",
)
_ALL: frozenset[Purpose] = frozenset({"demo", "test", "bench"})
CHECKS: tuple[Check, ...] = (
    Check("Python 3.11 or newer", _ALL, _python, "apt-get install python3"),
    Check("decoder engine", _ALL, _decoder, "make install; apt-get install libgomp1; or set SIGNALBOX_LLAMA_SERVER"),
    Check("free ports", frozenset({"demo"}), _ports, f"set {', '.join(_PORT_VARIABLES)}"),
    Check("disk", _ALL, _disk, f"free {_DISK_GIB:.0f} GiB, or set SIGNALBOX_CACHE_DIR"),
    Check("memory", _ALL, _memory, f"use a machine with {_MEMORY_GIB:.0f} GiB"),
    Check("Prometheus (optional)", frozenset(), _on_path(prometheus.PROGRAM), "apt-get install prometheus"),
    Check("Chromium", frozenset({"test"}), _on_path("chromium", "chromium-browser", "google-chrome"), "apt-get install chromium"),
    Check("PostgreSQL server", frozenset({"test", "bench"}), _postgres, "apt-get install postgresql"),
    Check("wrk", frozenset({"bench"}), _on_path("wrk"), "apt-get install wrk"),
)  # fmt: skip


def examine(settings: Settings, purpose: Purpose) -> list[Finding]:
    """All findings for a purpose."""
    return [
        Finding(check.name, check.probe(settings), purpose in check.needed_for, check.hint)
        for check in CHECKS
    ]


def show(findings: Sequence[Finding], console: Console) -> None:
    """A table of checks. Fixes wrap in a narrow terminal and are never cut."""
    table = Table("", "check")
    table.add_column("status", overflow="fold")
    table.add_column("fix", overflow="fold")
    for finding in findings:
        mark = "[green]✓[/]" if finding.status else "[red]✕[/]" if finding.blocks else "[yellow]-[/]"
        table.add_row(mark, finding.name, finding.status or "missing", "" if finding.status else finding.hint)
    console.print(table)
