"""Write the renders of the charts' examples: `python -m tools.charts.render [CHART…]`.

The render of charts/<chart>/examples/<name>.yaml is in charts/<chart>/examples/rendered/<name>.yaml, so that
a change of a template shows in review as the change of objects that it makes. The same holds for
charts/<chart>/values-<name>.yaml.
"""

from __future__ import annotations

import sys
from pathlib import Path

from signalbox.errors import InputError
from tools.charts import charts
from tools.charts.helm import template

GENERATED = "<generated>"
RELEASE = "example"


def examples(chart: Path) -> list[Path]:
    """The values files of a chart's examples: in examples/, and values-NAME.yaml next to values.yaml."""
    return sorted([*(chart / "examples").glob("*.yaml"), *chart.glob("values-*.yaml")])


def golden(example: Path) -> Path:
    """Path of the committed render of an example."""
    folder = example.parent if example.parent.name == "examples" else example.parent / "examples"
    return folder / "rendered" / example.name


def render(chart: Path, example: Path) -> str:
    """The objects of an example; what differs from one render to the next (a generated key) is masked.

    Raises InputError with helm's message when the chart rejects the values.
    """
    first, second = (_once(chart, example).splitlines() for _ in range(2))
    pairs = zip(first, second, strict=True)
    return "\n".join(_mask(line, again).rstrip() for line, again in pairs).strip() + "\n"


def _once(chart: Path, example: Path) -> str:
    process = template(chart, "--values", str(example), name=RELEASE)
    if process.returncode:
        raise InputError(str(example.relative_to(chart.parent)), process.stderr[-500:], "Correct the values.")
    return process.stdout


def _mask(line: str, again: str) -> str:
    if line == again:
        return line
    key, colon, _ = line.partition(": ")
    return f"{key}{colon}{GENERATED}"


def main(names: list[str]) -> None:
    """Write the renders of the charts with these names, or of all, and remove those whose example is gone."""
    for chart in charts(names):
        renders = {golden(example): render(chart, example) for example in examples(chart)}
        for stale in set((chart / "examples" / "rendered").glob("*.yaml")) - renders.keys():
            stale.unlink()
        for path, text in renders.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
