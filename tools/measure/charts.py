"""How much of a chart is helpers, and how long its lines are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from signalbox.capacity.datafile import read_yaml

LONG_LINE = 160


@dataclass(frozen=True)
class ChartLines:
    """Lines of a chart's templates: in helper files, in all, and those that are too long."""

    helpers: int
    total: int
    long: int

    @property
    def helper_share(self) -> float:
        """Share of the lines that are in helper files."""
        return self.helpers / self.total if self.total else 0.0


def chart_lines(chart: Path) -> ChartLines:
    """Count the lines below `templates/`; a library chart that is copied into `charts/` does not count."""
    texts = {
        path: path.read_text(encoding="utf-8").splitlines() for path in (chart / "templates").rglob("*.*")
    }
    return ChartLines(
        helpers=sum(len(lines) for path, lines in texts.items() if path.suffix == ".tpl"),
        total=sum(len(lines) for lines in texts.values()),
        long=sum(len(line) > LONG_LINE for lines in texts.values() for line in lines),
    )


def is_umbrella(chart: Path) -> bool:
    """Whether the chart installs other charts: it depends on more than the library chart."""
    dependencies = read_yaml(chart / "Chart.yaml").get("dependencies", [])
    return any(row["name"] != "common" for row in dependencies)
