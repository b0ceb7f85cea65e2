"""All benchmarks: `make bench`, or `python -m benchmarks NAME…` for some of them.

A benchmark is a module here with `run() -> list[dict]`; each dict is a row of its table.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table

BENCHMARKS = (
    "encoder",
    "use",
    "encoders",
    "kserve",
    "assessor",
    "assess_path",
    "evidence",
    "keys",
    "pods",
    "store",
    "queue",
    "rules",
    "decoder",
    "answer_forms",
    "naive_threshold",
    "certificate",
    "capacity_peers",
    "speed_fit",
    "drift",
    "drift_peers",
    "judge",
    "shards",
    "comparison",
    "training",
)
LOG_WIDTH = 200  # a log has no width of its own, and rich would cut the columns to 80


def print_rows(console: Console, title: str, rows: list[dict[str, object]]) -> None:
    """Rows with the same keys make a table; its columns are these keys."""
    for columns, alike in groupby(rows, key=tuple):
        table = Table(*columns, title=title)
        for row in alike:
            values = row.values()
            table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in values))
        console.print(table)


def main(names: list[str]) -> int:
    """Run the benchmarks of these names (default: all), print their tables, and save the rows as JSON in build/."""
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        console.print(f"No benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}.")
        return 2
    results = {}
    for name in names or BENCHMARKS:
        console.print(f"· {name}")
        started = time.perf_counter()
        rows = importlib.import_module(f"benchmarks.{name}").run()
        results[name] = rows
        print_rows(console, f"{name} ({time.perf_counter() - started:.0f} s)", rows)
    target = Path("build/bench.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    console.print(f"rows: {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
