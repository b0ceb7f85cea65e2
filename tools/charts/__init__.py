"""Generators for the charts: value schemas, READMEs, copies of libraries, renders of the examples, schemas of kinds."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHARTS = ROOT / "charts"


def charts(names: list[str] | None = None) -> list[Path]:
    """Folders of the charts with these names, or of all that can be installed (not the library chart `_common`)."""
    if names:
        return [CHARTS / name for name in names]
    return sorted(path.parent for path in CHARTS.glob("[!_]*/Chart.yaml"))
