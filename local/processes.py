"""Servers as child processes: start, wait until ready, and stop all of them in any case."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from signalbox.assessor_client import direct_client
from signalbox.errors import SetupError
from signalbox.serving import listen

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.1
_TAIL_LINES = 15
# What a failed bind means, and what to do about it; {setting} is the port's.
_BIND_ERRORS = {
    errno.EADDRINUSE: (
        "is already in use",
        "Stop the process that uses it, or choose another port: {setting}=PORT",
    ),
    errno.EACCES: ("is reserved for root", "Choose another port: {setting}=PORT"),
    errno.EADDRNOTAVAIL: ("is not available: this machine has no such address", "Set SIGNALBOX_HOST."),
    socket.EAI_NONAME: ("is not available: the host is unknown", "Set SIGNALBOX_HOST."),
}


@dataclass(frozen=True)
class Service:
    """A server to start: its command, its address, and the path that answers when it is ready.

    Without `is_required`, the others go on when it stops.
    """

    name: str
    command: tuple[str, ...]
    host: str
    port: int
    ready_path: str
    port_setting: str
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_seconds: float = 60.0
    stop_seconds: float = 10.0
    is_required: bool = True

    @property
    def url(self) -> str:
        return f"http://{listen.url_host(self.host)}:{self.port}"


class Supervisor:
    """Owner of child processes. Leaving the `with` block stops them, the last one first.

    Each runs in a process group of its own, so its children go too, and dies with this process.
    """

    def __init__(self, logs_dir: Path) -> None:
        self._logs_dir = logs_dir
        self._running: list[tuple[Service, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, service: Service) -> None:
        """Start and return at once. SetupError where the port is in use."""
        check_port(service)
        self._logs_dir.mkdir(parents=True, exist_ok=True)
        with self.log_path(service).open("wb") as log:
            try:
                process = subprocess.Popen(
                    service.command,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, **service.environment},
                    start_new_session=True,
                    preexec_fn=_die_with_parent,  # noqa: PLW1509 - one C call, no threads are running yet
                )
            except OSError as error:
                raise SetupError(
                    f"{service.name}: {service.command[0]} cannot be started ({error.strerror}).",
                    hint="Check the path and its permissions; `signalbox doctor` lists missing programs.",
                ) from error
        self._running.append((service, process))

    def wait_ready(self, service: Service) -> None:
        """Wait for the ready path. SetupError with the log's end where the process exits or needs too long."""
        process = self._process(service)
        deadline = time.monotonic() + service.ready_seconds
        while not is_answering(service.url + service.ready_path):
            if (status := process.poll()) is not None:
                raise self._failure(service, f"stopped with status {status}")
            if time.monotonic() > deadline:
                raise self._failure(service, f"was not ready after {service.ready_seconds:.0f} s")
            time.sleep(_POLL_SECONDS)

    def check(self) -> None:
        """SetupError where one of the required servers has stopped."""
        for service, process in self._running:
            if service.is_required and (status := process.poll()) is not None:
                raise self._failure(service, f"stopped with status {status}")

    def pid(self, service: Service) -> int:
        return self._process(service).pid

    def restart(self, service: Service) -> None:
        """Stop the one of the same name, start this one and wait until it is ready. Raises SetupError."""
        old = next(pair for pair in self._running if pair[0].name == service.name)
        self._running.remove(old)
        _end([old])
        self.start(service)
        self.wait_ready(service)

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL to those that remain after their time; a second call is harmless."""
        running, self._running = self._running[::-1], []
        _end(running)

    def log_path(self, service: Service) -> Path:
        return self._logs_dir / f"{service.name}.log"

    def _process(self, service: Service) -> subprocess.Popen[bytes]:
        return next(process for other, process in self._running if other == service)

    def _failure(self, service: Service, problem: str) -> SetupError:
        path = self.log_path(service)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        tail = "\n".join(f"  {line}" for line in lines)
        return SetupError(f"{service.name} {problem}. Last lines of its log:\n{tail}", hint=f"See {path}.")


def check_port(service: Service) -> None:
    """SetupError with the setting to change where the port is not available."""
    try:
        listen.bind(service.host, service.port).close()
    except OSError as error:
        default = f"cannot be bound ({error.strerror})", "Choose another port: {setting}=PORT"
        problem, hint = _BIND_ERRORS.get(error.errno or 0, default)
        raise SetupError(
            f"Port {service.port} on {service.host} ({service.name}) {problem}.",
            hint=hint.format(setting=service.port_setting),
        ) from error


def is_answering(url: str, timeout_seconds: float = 2.0) -> bool:
    """Whether a GET gets a 2xx."""
    try:
        with direct_client(url, timeout_seconds) as client:
            return client.get(url).is_success
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
        return False


def _end(running: Sequence[tuple[Service, subprocess.Popen[bytes]]]) -> None:
    for _, process in running:
        _signal(process, signal.SIGTERM)
    for service, process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(service.stop_seconds)
        _signal(process, signal.SIGKILL)  # the group may outlive its leader
        process.wait()


def _die_with_parent() -> None:
    """The kernel sends SIGTERM when the supervisor dies, however it dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
