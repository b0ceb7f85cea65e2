"""The cluster's namespaces: made by one process, entered by every command, gone when that process is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from signalbox.errors import SetupError
from tools.cluster.layout import CGROUP, Layout, module_programs

_UNSHARE = "unshare --fork --kill-child --pid --mount-proc --mount --net --ipc --uts --propagation private"
_START = 'setsid "$@" </dev/null >>"$LOG" 2>&1 & echo $! >"$PID"'
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Inside:
    """Runs commands inside the namespaces of a cluster that is up."""

    layout: Layout

    @property
    def _holder(self) -> Path:
        """The program of process 1: it is in the cluster's folder, so that no other process runs the same."""
        return self.layout.work / "signalbox-pid1"

    def pid(self) -> int | None:
        """Process 1 as the machine numbers it; None when the cluster is not up."""
        try:
            pid = int((self.layout.work / "holder.pid").read_text(encoding="utf-8"))
            return pid if _runs(pid, self._holder) else None
        except (OSError, ValueError):
            return None

    def make(self) -> None:
        """Make the namespaces and the cgroups; raises SetupError when the kernel rejects."""
        shutil.copy2(module_programs("kubernetes") / "pause", self._holder)
        for group in _hierarchies():
            _make_cgroup(group)
        log = (self.layout.folder("logs") / "holder.log").open("w")
        started = ["setsid", "--fork", *_UNSHARE.split(), str(self._holder)]
        subprocess.run(started, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)
        deadline = time.monotonic() + 10
        while not (pid := self._find()):
            if time.monotonic() > deadline:
                reason = (self.layout.work / "logs" / "holder.log").read_text(encoding="utf-8").strip()
                raise SetupError(f"The namespaces cannot be made: {reason or 'unshare gave no reason'}")
            time.sleep(0.05)
        (self.layout.work / "holder.pid").write_text(f"{pid}\n", encoding="utf-8")

    def command(self, *words: str) -> list[str]:
        """The command line that runs a command inside."""
        pid = self.pid()
        if pid is None:
            raise SetupError("The cluster is not up. Start it: python -m tools.cluster up")
        return ["nsenter", "-t", str(pid), "-m", "-n", "-p", "-i", "-u", f"--wd={Path.cwd()}", "--", *words]

    def run(
        self, *words: str, stdin: str | None = None, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end and return what it printed; `timeout` is in seconds.

        Raises CalledProcessError with the command's own words when it fails, unless `check` is false.
        """
        result = subprocess.run(
            self.command(*words),
            input=stdin,
            env=self.layout.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and result.returncode:
            raise CommandError(words, result)
        return result

    def start(self, name: str, *words: str, **environment: str) -> None:
        """Start a process inside that stays; its number there goes to pids/NAME, its output to logs/NAME.log."""
        log = self.layout.folder("logs") / f"{name}.log"
        variables = {"LOG": str(log), "PID": str(self.layout.folder("pids") / name)} | environment
        env = self.layout.environment() | variables
        subprocess.run(self.command("sh", "-c", _START, name, *words), env=env, check=True)

    def log(self, name: str, lines: int = 20) -> str:
        """The last lines that a process of the cluster wrote."""
        text = (self.layout.work / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def end(self) -> None:
        """Kill process 1. The kernel then ends all others and drops mounts, interfaces and rules; also after a failure."""
        deadline = time.monotonic() + 30
        while (pid := self.pid() or self._find()) and time.monotonic() < deadline:
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        (self.layout.work / "holder.pid").unlink(missing_ok=True)
        for group in _hierarchies():
            _remove_cgroup(group)

    def _find(self) -> int | None:
        pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
        return next((pid for pid in pids if _runs(pid, self._holder)), None)


class CommandError(subprocess.CalledProcessError):
    """A command inside the cluster failed; the text holds what it printed."""

    def __init__(self, words: tuple[str, ...], result: subprocess.CompletedProcess[str]) -> None:
        super().__init__(result.returncode, list(words), result.stdout, result.stderr)

    def __str__(self) -> str:
        return f"{' '.join(self.cmd)}: exit status {self.returncode}\n{self.output}{self.stderr}"


def leftovers(work: Path) -> list[str]:
    """What is left of a cluster that is down: processes, mounts, cgroups, in words."""
    holder = work / "signalbox-pid1"
    pids = [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]
    rows = [f"process {pid}" for pid in pids if _runs(int(pid), holder)]
    mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    rows += [f"mount {line.split()[1]}" for line in mounts if f"{work}/" in line]
    return rows + [f"cgroup {group}" for group in _hierarchies() if group.exists()]


def _runs(pid: int, program: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/exe").readlink() == program
    except OSError:
        return False


def _hierarchies() -> list[Path]:
    """The cluster's own group in the one hierarchy of cgroup v2, or in each of v1 and in the v2 that may be mounted next to them."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS / CGROUP]
    return [path / CGROUP for path in sorted(_CGROUPS.iterdir()) if (path / "cgroup.procs").exists()]


def _make_cgroup(group: Path) -> None:
    group.mkdir(exist_ok=True)
    for name in ("cpuset.cpus", "cpuset.mems"):
        above = group.parent / name
        if above.exists() and not (group / "cgroup.controllers").exists():
            # A group of v1 starts without a CPU and takes no process.
            (group / name).write_text(above.read_text(encoding="utf-8"), encoding="utf-8")


def _remove_cgroup(group: Path) -> None:
    """Remove a group and those below it, deepest first; a process that was killed may hold one for a moment."""
    deadline = time.monotonic() + 10
    while group.exists():
        for path, _, _ in os.walk(group, topdown=False):
            try:
                Path(path).rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    return
        time.sleep(0.05)
