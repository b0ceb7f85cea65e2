"""A port of this machine's loopback that leads to a port inside the cluster's network namespace."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from types import TracebackType

from signalbox.errors import SetupError

_HOST = "127.0.0.1"


class Relay:
    """Accepts connections on loopback only; each is carried on by a socat that runs inside.

    The port is taken at once, and served from `open` on. Raises SetupError if it is in use.
    """

    def __init__(self, port: int) -> None:
        try:
            self._listener = socket.create_server((_HOST, port))
        except OSError as error:
            hint = "Choose another: make demo-cluster PORT=8090"
            raise SetupError(
                f"Port {port} of {_HOST} cannot be used: {error.strerror}.", hint=hint
            ) from error
        self.port: int = self._listener.getsockname()[1]
        self._carriers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # wakes the thread that accepts
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for carrier in self._carriers:
            carrier.kill()
            carrier.wait()

    def open(self, pid: int, port: int) -> None:
        """Carry connections to a port of loopback in the network namespace of a process."""
        command = ["nsenter", "-t", str(pid), "-n", "socat", "STDIO", f"TCP4:{_HOST}:{port}"]
        threading.Thread(target=self._serve, args=(command,), daemon=True).start()

    def _serve(self, command: list[str]) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            self._carriers = [carrier for carrier in self._carriers if carrier.poll() is None]
            with connection:
                both = connection.fileno()
                carrier = subprocess.Popen(command, stdin=both, stdout=both, stderr=subprocess.DEVNULL)
            self._carriers.append(carrier)
