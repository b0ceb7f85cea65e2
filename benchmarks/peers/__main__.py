"""All paths next to their peers: `make bench-peers`, `PEERS="encoder pass-through"` for some, `QUICK=1` for a trial.

Tables go to stdout, rows to build/bench-peers.json. `--keep` writes them into benchmarks/peers/rows.json, from which
`make generate` writes docs/reference/performance.md; a quick run is never kept.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from pathlib import Path

from rich.console import Console

from benchmarks.__main__ import LOG_WIDTH, print_rows
from benchmarks.machine import conditions
from benchmarks.peers.environments import PeerMissingError
from benchmarks.peers.rounds import FULL, QUICK, Size
from signalbox.errors import SetupError

# Name of a path → its module; the order is that of the table.
PATHS = {
    "pass-through": "pass_through",
    "encoder": "encoder",
    "predictor": "predictor",
    "evaluate": "evaluate",
    "decoder": "decoder",
    "store": "store",
    "start": "start",
    "drift": "drift",
}
ROWS = Path(__file__).with_name("rows.json")
_TARGET = Path("build/bench-peers.json")


def main(arguments: list[str]) -> int:
    """Run the paths, print their tables and write their rows; 1 if a path could not be measured."""
    options = _options(arguments)
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    size = QUICK if options.quick else FULL
    results: dict[str, object] = {}
    failures = 0
    for name in options.paths or PATHS:
        rows = _measure(name, size, console)
        failures += rows is None
        if rows is not None:
            results[name] = {"measured": conditions(), "quick": size.quick, "rows": rows}
    _write(_TARGET, results)
    console.print(f"rows: {_TARGET}")
    if options.keep and not size.quick:
        earlier = json.loads(ROWS.read_text(encoding="utf-8")) if ROWS.exists() else {}
        _write(ROWS, {name: {**earlier, **results}[name] for name in PATHS if name in {**earlier, **results}})
        console.print(f"rows: {ROWS}; `make generate` writes the page")
    return int(failures > 0)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("paths", nargs="*", metavar="PATH", help=f"one or more of: {', '.join(PATHS)}")
    parser.add_argument(
        "--quick", action="store_true", help="show that everything works; the figures are no result"
    )
    parser.add_argument("--keep", action="store_true", help="write the rows of the page")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.paths if name not in PATHS]:
        parser.error(f"unknown path `{unknown[0]}`; paths: {', '.join(PATHS)}")
    return options


def _measure(name: str, size: Size, console: Console) -> list[dict[str, object]] | None:
    """The rows of a path, or None with the reason on the console."""
    console.print(f"· {name}")
    started = time.perf_counter()
    module = importlib.import_module(f"benchmarks.peers.{PATHS[name]}")
    try:
        rows: list[dict[str, object]] = module.run(size, console.print)
    except (PeerMissingError, SetupError, RuntimeError) as error:  # the other paths run all the same
        console.print(f"  · {name} is left out: {error}")
        return None
    print_rows(console, f"{name} ({time.perf_counter() - started:.0f} s)", rows)
    return rows


def _write(path: Path, results: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
