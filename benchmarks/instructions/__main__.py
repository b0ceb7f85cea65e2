"""Compare this tree with a commit: `python -m benchmarks.instructions [COMMIT]`; exit status 1 when a function grew by more than the threshold.

The default commit is HEAD where files differ from it, else the one before. Counts come from valgrind's cachegrind without its
simulations, so other work on the machine does not change them. Without valgrind, the bench says so and passes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from benchmarks.__main__ import LOG_WIDTH, print_rows

CALLS = 100
# Two runs of the same tree differ by less (docs/decisions/0078-instruction-counts.md).
THRESHOLD = 0.03
ROOT = Path(__file__).parents[2]
_WORKER = Path(__file__).with_name("worker.py")
_VALGRIND = (
    "valgrind",
    "--tool=cachegrind",
    "--cache-sim=no",
    "--cachegrind-out-file=/dev/null",
    "--log-file={log}",
)
_COUNT = re.compile(r"^==(\d+)== I\s+refs:\s+([\d,]+)$", re.MULTILINE)
Counts = dict[str, float]


def main(arguments: list[str]) -> int:
    """Print the table of both trees."""
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    if missing := [name for name in ("valgrind", "git") if shutil.which(name) is None]:
        console.print(
            f"instruction counts: left out, {missing[0]} is not installed (apt-get install {missing[0]})"
        )
        return 0
    commit = arguments[0] if arguments else _earlier()
    if not _exists(commit):
        console.print(f"instruction counts: left out, there is no commit {commit} (a shallow clone?)")
        return 0
    console.print(f"· counting the instructions of this tree and of {commit}")
    # Both at once: other work changes no count.
    with checkout(commit) as folder, ThreadPoolExecutor() as pool:
        now, before = pool.map(counts, (ROOT, folder))
    rows = compare(before, now)
    print_rows(console, f"instructions a call, threshold + {THRESHOLD:.0%}", rows)
    grown = [str(row["function"]) for row in rows if row["exceeds"]]
    if grown:
        console.print(
            f"error: {', '.join(grown)} executes over {THRESHOLD:.0%} more instructions than in {commit}"
        )
        console.print("hint: profile it, or state the reason in the commit and run again on top of it")
    return int(bool(grown))


def compare(before: Counts, now: Counts) -> list[dict[str, object]]:
    """A row for each function of this tree. One that the other tree lacks has no ratio and never fails."""
    rows: list[dict[str, object]] = []
    for name, count in now.items():
        earlier = before.get(name)
        ratio = count / earlier if earlier else None
        rows.append(
            {
                "function": name,
                "before": "" if earlier is None else f"{earlier:,.0f}",
                "now": f"{count:,.0f}",
                "ratio": "" if ratio is None else f"{ratio:.4f}",
                "exceeds": ratio is not None and ratio > 1 + THRESHOLD,
            }
        )
    return rows


def counts(folder: Path) -> Counts:
    """Instructions a call of each function, with the code of this folder and the packages of this interpreter."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [*valgrind(Path(scratch)), sys.executable, "-P", str(_WORKER), str(CALLS)]
        done = subprocess.run(
            command, cwd=folder, env=environment_of(folder), stdout=subprocess.PIPE, text=True, check=True
        )
        refs = refs_of(Path(scratch))
    return differences(done.stdout, refs)


def valgrind(scratch: Path) -> list[str]:
    """The start of a command whose processes are counted, with their logs in a folder."""
    return [part.format(log=scratch / "%p") for part in _VALGRIND]


def environment_of(folder: Path) -> dict[str, str]:
    """The environment of a process that runs the code of a folder."""
    paths = f"{folder}{os.pathsep}{folder / 'src'}"
    # A random seed would order sets and dictionaries in another way in each run.
    return {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}


def refs_of(scratch: Path) -> dict[str, int]:
    """Instructions by process, from valgrind's logs."""
    counts = _COUNT.findall("\n".join(path.read_text() for path in scratch.iterdir()))
    return {pid: int(count.replace(",", "")) for pid, count in counts}


def differences(listing: str, refs: dict[str, int]) -> Counts:
    """Instructions a call from the worker's lines `NAME CALLS PID` and the counts by PID."""
    runs: dict[str, dict[int, int]] = {}
    for line in listing.splitlines():
        name, calls, pid = line.split("\t")
        runs.setdefault(name, {})[int(calls)] = refs[pid]
    return {name: (by[max(by)] - by[min(by)]) / (max(by) - min(by)) for name, by in runs.items()}


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """The files of a commit in a folder of their own; the repository's list of worktrees stays as it is."""
    with tempfile.TemporaryDirectory() as scratch:
        archive = subprocess.run(
            ["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE
        ).stdout
        subprocess.run(["tar", "-x", "-C", scratch], input=archive, check=True)
        yield Path(scratch)


def _exists(commit: str) -> bool:
    command = ["git", "rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}"]
    return subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL).returncode == 0


def _earlier() -> str:
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD"], cwd=ROOT, check=False).returncode
    return "HEAD" if changed else "HEAD~1"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
