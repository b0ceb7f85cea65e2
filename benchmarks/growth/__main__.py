"""Measure: `make bench-growth`, `python -m benchmarks.growth PATH…` for some. Rows go into benchmarks/growth/rows.json.

`--quick` takes the two smallest sizes of each path once and keeps no rows.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from rich.console import Console

from benchmarks.__main__ import LOG_WIDTH, print_rows
from benchmarks.growth.page import ROWS
from benchmarks.growth.paths import PATHS
from benchmarks.machine import conditions


def main(arguments: list[str]) -> int:
    """Measure the paths, print their rows and keep them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("paths", nargs="*", metavar="PATH", help=f"one or more of: {', '.join(PATHS)}")
    parser.add_argument("--quick", action="store_true", help="two sizes of each, once; the rows are not kept")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.paths if name not in PATHS]:
        parser.error(f"unknown path `{unknown[0]}`; paths: {', '.join(PATHS)}")
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    for name in options.paths or PATHS:
        console.print(f"· {name}")
        started, path = time.perf_counter(), PATHS[name]
        sizes, rounds = (path.sizes[:2], 1) if options.quick else (path.sizes, path.rounds)
        rows = [growth.row() for growth in path.measure(sizes, rounds)]
        print_rows(console, f"{name} ({time.perf_counter() - started:.0f} s)", [dict(row) for row in rows])
        if not options.quick:
            kept = json.loads(ROWS.read_text(encoding="utf-8")) if ROWS.exists() else {}
            kept[name] = {"measured": conditions(), "rows": rows}
            ROWS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    console.print("`make generate` writes docs/reference/performance.md from the rows")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
