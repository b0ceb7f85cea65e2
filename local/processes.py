"""Start servers as child processes, wait until they are ready, and stop all of them whatever happens."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from signalbox.client import direct_client
from signalbox.errors import SetupError

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.1
_TAIL_LINES = 15
_BIND_ERRORS = {
    errno.EADDRINUSE: "is taken; stop what listens there",
    errno.EACCES: "is kept for root",
    errno.EADDRNOTAVAIL: "cannot be bound, because this machine has no such address (SIGNALBOX_HOST)",
    socket.EAI_NONAME: "cannot be bound, because this machine knows no such host (SIGNALBOX_HOST)",
}


@dataclass(frozen=True)
class Service:
    """A server to start: what runs, where it listens, when it is ready."""

    name: str
    command: tuple[str, ...]
    host: str
    port: int
    ready_path: str
    port_setting: str
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_seconds: float = 60.0
    stop_seconds: float = 10.0

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://{self.host}:{self.port}"


class Supervisor:
    """Owns the processes that it started. Leaving the `with` block stops them, last one first.

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
        """Start and return at once. SetupError when the port is taken."""
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
                    f"{service.name}: {service.command[0]} cannot be started ({error.strerror})."
                ) from error
        self._running.append((service, process))

    def wait_ready(self, service: Service) -> None:
        """Wait for the ready path. SetupError with the log's end when it exits or takes too long."""
        process = self._process(service)
        deadline = time.monotonic() + service.ready_seconds
        while not answers(service.url + service.ready_path):
            if (status := process.poll()) is not None:
                raise SetupError(f"{service.name} stopped with status {status}.\n{self._tail(service)}")
            if time.monotonic() > deadline:
                waited = f"{service.ready_seconds:.0f} s"
                raise SetupError(f"{service.name} was not ready after {waited}.\n{self._tail(service)}")
            time.sleep(_POLL_SECONDS)

    def check(self) -> None:
        """SetupError when one of the servers has stopped by itself."""
        for service, process in self._running:
            if (status := process.poll()) is not None:
                raise SetupError(f"{service.name} stopped with status {status}.\n{self._tail(service)}")

    def pid(self, service: Service) -> int:
        """Process id of a running service."""
        return self._process(service).pid

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL to what is left after its time; again is harmless."""
        running, self._running = self._running[::-1], []
        for _, process in running:
            _signal(process, signal.SIGTERM)
        for service, process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(service.stop_seconds)
            _signal(process, signal.SIGKILL)  # the group may outlive its leader
            process.wait()

    def log_path(self, service: Service) -> Path:
        """Where a service logs."""
        return self._logs_dir / f"{service.name}.log"

    def _process(self, service: Service) -> subprocess.Popen[bytes]:
        return next(process for known, process in self._running if known == service)

    def _tail(self, service: Service) -> str:
        path = self.log_path(service)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([f"Last lines of {path}:", *(f"  {line}" for line in lines)])


def check_port(service: Service) -> None:
    """SetupError naming the setting when the port cannot be had."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((service.host, service.port))
        except OSError as error:
            why = _BIND_ERRORS.get(error.errno or 0, error.strerror)
            raise SetupError(
                f"Port {service.port} of {service.host}, wanted by {service.name}, {why}. "
                f"Choose another: {service.port_setting}=PORT"
            ) from error


def answers(url: str, timeout_seconds: float = 2.0) -> bool:
    """Whether a GET is answered with a 2xx."""
    try:
        with direct_client(url, timeout_seconds) as client:
            return client.get(url).is_success
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
        return False


def _die_with_parent() -> None:
    """The kernel sends SIGTERM when the supervisor dies, however it dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
