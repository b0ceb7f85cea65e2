"""Find the pinned command-line tools, and render charts with helm."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from signalbox.errors import SetupError
from tools.cache import TOOLS, programs_of

KUBERNETES = "1.34.4"


def find_tool(name: str) -> str:
    """Path of a tool of `make tools`: from the cache that it fills, else from PATH."""
    binary = programs_of(TOOLS) / name
    program = str(binary) if binary.is_file() else shutil.which(name)
    if program is None:
        raise SetupError(f"{name} is neither in {binary.parent} nor on PATH. Build it: make tools")
    return program


def template(
    chart: Path, *args: str, name: str = "x", values: str | None = None
) -> subprocess.CompletedProcess[str]:
    """`helm template` of a chart for the Kubernetes version that its manifests are checked against.

    `values` is YAML that overrides the chart's own, before any values files among `args`.
    """
    command = [find_tool("helm"), "template", name, str(chart), "--namespace", "models"]
    command += ["--kube-version", KUBERNETES, *([] if values is None else ["--values", "-"]), *args]
    return subprocess.run(command, input=values, capture_output=True, text=True, check=False)
