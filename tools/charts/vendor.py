"""Copy library charts into the charts that depend on them.

The copies in charts/<chart>/charts are committed, so that `helm install` from a checkout needs no
`helm dependency build`, and so that a GitOps controller that drops symbolic links finds the helpers.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

_LOCAL = "file://"


def dependencies(chart: Path) -> dict[str, Path]:
    """Name of each dependency in this repository → folder of its source."""
    about = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    return {
        dependency["name"]: (chart / dependency["repository"].removeprefix(_LOCAL)).resolve()
        for dependency in about.get("dependencies", ())
        if dependency["repository"].startswith(_LOCAL)
    }


def vendor(chart: Path) -> None:
    """Replace charts/<chart>/charts by copies of the chart's dependencies."""
    shutil.rmtree(chart / "charts", ignore_errors=True)
    for name, source in dependencies(chart).items():
        shutil.copytree(source, chart / "charts" / name)
