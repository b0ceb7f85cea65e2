"""Print the measures, each with its limit: `python -m tools.measure [--list]`; exit status 1 when one is exceeded."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tools.measure import PYTHON_FOLDERS, ROOT
from tools.measure.charts import LONG_LINE, chart_lines, is_umbrella
from tools.measure.language import participles, retired_words
from tools.measure.names import FunctionNames, functions_of, with_participle
from tools.measure.prose import sentence_lengths

MOST_PARTICIPLES, MOST_FILES, MOST_HELPERS, MOST_LONG_LINES = 0.02, 15, 0.35, 12
MOST_SUBJECT, MOST_SENTENCE = 72, 25
_FIRST_SCOPED = "16f3f6d"  # commits before had no scope
_SUBJECT = re.compile(r"^[a-z][a-z0-9, /_.-]*: \S")


@dataclass(frozen=True)
class Measure:
    """One figure, as text, with its limit; `details` are the places that count."""

    name: str
    value: str
    limit: str
    within: bool
    details: tuple[str, ...] = ()


def measures() -> Iterator[Measure]:
    """All figures."""
    words = participles()
    for folder in PYTHON_FOLDERS:
        yield _names(folder, [f for path in (ROOT / folder).rglob("*.py") for f in functions_of(path)], words)
    yield _folders()
    for chart in sorted(path.parent for path in (ROOT / "charts").glob("*/Chart.yaml")):
        lines = chart_lines(chart)
        if chart.name.startswith("_"):
            continue
        if not is_umbrella(chart):  # it has no objects of its own, so next to nothing but helpers
            yield _at_most(f"charts/{chart.name}: helpers", lines.helper_share, MOST_HELPERS, "{:.0%}")
        yield _at_most(f"charts/{chart.name}: lines over {LONG_LINE}", lines.long, MOST_LONG_LINES)
    pages = [ROOT / "README.md", *sorted((ROOT / "docs/guides").glob("*.md"))]
    lengths = sorted(
        length for page in pages for length in sentence_lengths(page.read_text(encoding="utf-8"))
    )
    yield _at_most(
        "README and guides: words a sentence, p90", statistics.quantiles(lengths, n=10)[-1], MOST_SENTENCE
    )
    uses = retired_words()
    yield Measure("retired words in text for users", str(len(uses)), "0", not uses, tuple(map(str, uses)))
    subjects = [
        subject for subject in _subjects() if len(subject) > MOST_SUBJECT or not _SUBJECT.match(subject)
    ]
    name = f"commits without scope or over {MOST_SUBJECT} characters"
    yield Measure(name, str(len(subjects)), "0", not subjects, tuple(subjects))


def _names(folder: str, functions: list[FunctionNames], words: frozenset[str]) -> Measure:
    rows = with_participle(functions, words)
    share = len(rows) / len(functions)
    details = (
        f"{row.path.relative_to(ROOT)}:{row.line} {row.name}: {', '.join(row.names & words)}" for row in rows
    )
    limit = f"{MOST_PARTICIPLES:.0%}"
    return Measure(
        f"{folder}: functions with a participle as a name",
        f"{share:.1%}",
        limit,
        share < MOST_PARTICIPLES,
        tuple(details),
    )


def _folders() -> Measure:
    counts = {
        folder: sum(path.suffix == ".py" for path in folder.iterdir())
        for root in PYTHON_FOLDERS
        for folder in {path.parent for path in (ROOT / root).rglob("*.py")}
    }
    crowded = tuple(
        f"{folder.relative_to(ROOT)}: {count}" for folder, count in counts.items() if count > MOST_FILES
    )
    return Measure("most files in a folder", str(max(counts.values())), str(MOST_FILES), not crowded, crowded)


def _at_most(name: str, value: float, limit: float, form: str = "{:.0f}") -> Measure:
    return Measure(name, form.format(value), form.format(limit), value <= limit)


def _subjects() -> list[str]:
    command = ["git", "-C", str(ROOT), "log", "--no-merges", "--format=%s", f"{_FIRST_SCOPED}..HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def main(arguments: list[str]) -> int:
    """Print the table, and with `--list` every place that counts."""
    console = Console(soft_wrap=True)
    rows = list(measures())
    table = Table("", "measure", "value", "limit")
    for row in rows:
        table.add_row("[green]✓[/]" if row.within else "[red]✕[/]", row.name, row.value, row.limit)
    console.print(table)
    if "--list" in arguments:
        for row in rows:
            for line in row.details:
                console.print(f"{row.name}: {line}", markup=False, highlight=False)
    return 0 if all(row.within for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
