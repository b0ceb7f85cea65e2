"""Copy charts of this repository into the charts that depend on them.

The copies in charts/<chart>/charts are committed, so that `helm install` from a checkout needs no
`helm dependency build`, and so that a GitOps controller that drops symbolic links finds the helpers.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

_LOCAL = "file://"
# Not needed to render, and links in a README lead from its own folder.
_IGNORED = ("examples", "README.md")


def dependencies(chart: Path) -> dict[str, Path]:
    """Name of each dependency in this repository → folder of its source."""
    return {
        dependency["name"]: (chart / dependency["repository"].removeprefix(_LOCAL)).resolve()
        for dependency in _about(chart).get("dependencies", ())
        if dependency["repository"].startswith(_LOCAL)
    }


def libraries(chart: Path) -> list[str]:
    """Names of the dependencies that are library charts, which have no values."""
    return [name for name, source in dependencies(chart).items() if _about(source).get("type") == "library"]


def vendor(chart: Path) -> None:
    """Replace charts/<chart>/charts by copies of the chart's dependencies.

    files/defaults/<dependency>.yaml is the values.yaml of a dependency: templates see its values only after those
    of the parent chart have been merged into them.
    """
    shutil.rmtree(chart / "charts", ignore_errors=True)
    for name, source in dependencies(chart).items():
        shutil.copytree(source, chart / "charts" / name, ignore=shutil.ignore_patterns(*_IGNORED))
    for target in (chart / "files" / "defaults").glob("*.yaml"):
        shutil.copy2(chart / "charts" / target.stem / "values.yaml", target)


def _about(chart: Path) -> dict[str, Any]:
    about: dict[str, Any] = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    return about
