"""The drift job next to Evidently and alibi-detect, on the same records: `python -m benchmarks drift_peers`.

ROWS users' records of five weeks in SQLite, one language, one release, each text once, no drift. Every tool reads the same columns
of the table and tests five: p(yes), verdict, light, outcome and characters. Each run is a process of its own; rounds are in
turns. Time is CPU seconds, because other work shares the cores. The job also compares the words of 1,000 texts a side, which
is a row of its own. `SIGNALBOX_BENCH_ROWS` sets other numbers of records, such as `100000,10000000`; of more than MOST_PEER_ROWS, the
job is measured alone.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import venv
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.drift_rows import fill
from signalbox.errors import SetupError
from signalbox.settings import Settings
from tests.helpers import folder_on_disk

PACKAGES = ("evidently==0.7.23", "alibi-detect==0.13.0")
ROWS, ROUNDS = "1000000", 3
_WORKER = Path(__file__).with_name("drift_worker.py")
_ROOT = Path(__file__).parents[1]
MOST_PEER_ROWS = 2_000_000  # with more records, a frame of all columns takes gigabytes
_PEERS = ("evidently", "alibi")


def run() -> list[dict[str, object]]:
    """A row for each tool and number of records."""
    python = peers_python(Settings().cache_dir)
    sizes = [int(part) for part in os.environ.get("SIGNALBOX_BENCH_ROWS", ROWS).split(",")]
    with folder_on_disk() as folder:
        return [row for size in sizes for row in _measured(folder / f"{size}.db", size, python)]


def peers_python(cache_dir: Path) -> Path:
    """The interpreter of the peers' environment (1 GiB), which is created where it is missing."""
    folder = cache_dir / "bench-drift"
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
        if subprocess.run(command, check=False).returncode:
            raise SetupError(f"{', '.join(PACKAGES)} could not be installed into {folder}; see above.")
        complete.touch()
    return python


def _measured(path: Path, rows: int, python: Path) -> list[dict[str, object]]:
    now = datetime.now(UTC)
    fill(path, rows, now)
    tools = {
        "signalbox": (sys.executable, "signalbox"),
        "signalbox, with texts": (sys.executable, "signalbox-texts"),
        "Evidently 0.7.23": (str(python), "evidently"),
        "alibi-detect 0.13.0": (str(python), "alibi"),
    }
    if rows > MOST_PEER_ROWS:
        tools = {name: tool for name, tool in tools.items() if tool[1] not in _PEERS}
    rounds = int(os.environ.get("SIGNALBOX_BENCH_ROUNDS", str(ROUNDS)))
    results = [{name: _work(*tool, path, now) for name, tool in tools.items()} for _ in range(rounds)]
    return [_row(name, rows, results) for name in tools]


def _work(python: str, tool: str, path: Path, now: datetime) -> dict[str, float]:
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, "-P", str(_WORKER), tool, str(path), now.isoformat()],
        env=environment, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode:  # killed for memory, for one
        return {}
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _row(name: str, rows: int, rounds: list[dict[str, dict[str, float]]]) -> dict[str, object]:
    own = [one[name] for one in rounds if one[name]]
    if not own:
        return {"tool": name, "records": rows}
    work = [one["read"] + one["test"] for one in own]
    ratios = [
        (one["Evidently 0.7.23"]["read"] + one["Evidently 0.7.23"]["test"])
        / (one[name]["read"] + one[name]["test"])
        for one in rounds
        if one[name] and one.get("Evidently 0.7.23")
    ]
    median = {key: statistics.median(one[key] for one in own) for key in own[0]}
    return {
        "tool": name,
        "records": rows,
        "import s": round(median["import"], 1),
        "read s": round(median["read"], 2),
        "test s": round(median["test"], 2),
        "read + test s (rounds)": f"{statistics.median(work):.1f} ({min(work):.1f}-{max(work):.1f})",
        "Evidently's time, of this": f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        if ratios
        else "",
        "peak MiB": round(median["peak"]),
    }
