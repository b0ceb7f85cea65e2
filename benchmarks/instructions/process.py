"""Instructions of a whole proxy process for a chat that passes through: `python -m benchmarks.instructions.process [COMMIT]`.

The process has its server, its client and its event loop; the model server and the clients are in this process. A row for each
number of clients shows whether a request costs more among others. With a commit, its assessor is a row, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks.__main__ import LOG_WIDTH, print_rows
from benchmarks.instructions.__main__ import ROOT, checkout, environment_of, refs_of, valgrind
from benchmarks.instructions.proxies import PROXIES
from benchmarks.stub_upstream import COMPLETION
from tests.helpers import free_port

CLIENTS = (16, 64)
REQUESTS = 128  # and twice as many
_WORKER = Path(__file__).with_name("proxies.py")
_MESSAGES = [{"role": "user", "content": "Socio-medical indication for the aid is confirmed."}]
_BODY = json.dumps({"model": "stub", "messages": _MESSAGES, "max_tokens": 40}).encode()
_START_SECONDS, _PAUSE_SECONDS = 600, 0.1
Count = Callable[[int, int], int]  # instructions by number of clients and of requests


def main(arguments: list[str]) -> int:
    """Print a row for each proxy."""
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    with contextlib.ExitStack() as stack:
        trees = {name: (name, ROOT) for name in PROXIES}
        for commit in arguments:
            trees[f"assessor of {commit}"] = ("assessor", stack.enter_context(checkout(commit)))
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            rows = pool.map(lambda title: {"process": title, **_columns(*trees[title])}, trees)
            print_rows(console, "instructions a request by clients", list(rows))
    return 0


def _columns(name: str, folder: Path) -> dict[str, object]:
    """The difference between twice the requests and the requests, divided by them, for each number of clients."""
    with tempfile.TemporaryDirectory() as scratch:
        pids = asyncio.run(_pids(name, folder, Path(scratch)))
        refs = refs_of(Path(scratch))
    return {
        f"{clients}": f"{(refs[pids[clients, 2]] - refs[pids[clients, 1]]) / REQUESTS:,.0f}"
        for clients in CLIENTS
    }


async def _pids(name: str, folder: Path, scratch: Path) -> dict[tuple[int, int], str]:
    """The process that served each number of clients and once or twice the requests."""
    loop = asyncio.get_running_loop()
    upstream = await loop.create_server(Upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}"
    worker = await asyncio.create_subprocess_exec(
        *valgrind(scratch), sys.executable, "-P", str(_WORKER), name, url,
        cwd=folder, env=environment_of(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert worker.stdin is not None
    assert worker.stdout is not None
    pids = {}
    for clients in CLIENTS:
        for times in (1, 2):
            port = free_port()
            worker.stdin.write(f"{port}\n".encode())
            pid = (await worker.stdout.readline()).decode().strip()
            await load(port, clients, times * REQUESTS)
            os.kill(int(pid), signal.SIGTERM)
            pids[clients, times] = pid
    worker.stdin.close()
    await worker.wait()
    upstream.close()
    return pids


async def load(port: int, clients: int, requests: int) -> None:
    """Send the requests over one connection for each client."""
    loop, waiting = asyncio.get_running_loop(), iter(range(requests))
    async with asyncio.timeout(_START_SECONDS):
        while True:
            try:
                done = loop.create_future()
                await loop.create_connection(partial(_Client, waiting, done), "127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(_PAUSE_SECONDS)
    others = [loop.create_future() for _ in range(clients - 1)]
    for other in others:
        await loop.create_connection(partial(_Client, waiting, other), "127.0.0.1", port)
    await asyncio.gather(done, *others)


class _Messages(asyncio.Protocol):
    """Reads HTTP messages with a length, and calls `message` at the end of each."""

    def __init__(self) -> None:
        self._data = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Find the end of a message."""
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end:
            return
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(body) >= int(lines.get(b"content-length", b"0")):
            self._data = b""
            self.message(head)

    def message(self, head: bytes) -> None:
        """A message is complete."""
        raise NotImplementedError


class Upstream(_Messages):
    """A model server that returns a recorded completion at once."""

    def message(self, head: bytes) -> None:
        self.transport.write(_http(b"HTTP/1.1 200 OK", COMPLETION))


class _Client(_Messages):
    """Sends a request after each response, as long as there are some."""

    def __init__(self, waiting: Iterator[int], done: asyncio.Future[None]) -> None:
        super().__init__()
        self._waiting, self._done = waiting, done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._send()

    def message(self, head: bytes) -> None:
        if b" 200 " not in head.partition(b"\r\n")[0]:
            self._done.set_exception(RuntimeError(head.decode()))
            return
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("The proxy closed a connection."))

    def _send(self) -> None:
        if next(self._waiting, None) is None:
            self._done.set_result(None)
            self.transport.close()
            return
        self.transport.write(_http(b"POST /v1/chat/completions HTTP/1.1\r\nHost: proxy", _BODY))


def _http(start: bytes, body: bytes) -> bytes:
    length = str(len(body)).encode()
    return b"%b\r\nContent-Type: application/json\r\nContent-Length: %b\r\n\r\n%b" % (start, length, body)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
