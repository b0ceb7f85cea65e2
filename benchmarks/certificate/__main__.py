"""`python -m benchmarks.certificate [TABLE…] [--runs N]`."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from benchmarks.__main__ import print_rows
from benchmarks.certificate.tables import TABLES


def main() -> int:
    """Print the tables of these names (default: all)."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.certificate")
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], default=[])
    parser.add_argument("--runs", type=int, default=1000)
    arguments = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 200)
    for name in arguments.tables or TABLES:
        print_rows(console, f"{name}, {arguments.runs} runs", TABLES[name](arguments.runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
