"""A server that drains: open connections get one more answer, and are then closed by the server's own word."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.helpers import free_port

SERVER = """
import asyncio, sys, uvicorn
from signalbox.serving.draining import drain_on_sigterm

async def app(scope, receive, send):
    if scope["path"] == "/slow":
        await asyncio.sleep(1.5)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})

server = uvicorn.Server(uvicorn.Config(app, port=int(sys.argv[1]), lifespan="off", log_level="error"))
drain_on_sigterm(server, float(sys.argv[2]))
server.run()
"""


@contextmanager
def server(seconds: float) -> Iterator[tuple[subprocess.Popen[bytes], http.client.HTTPConnection]]:
    """The program, and a connection to it that has had one answer and is still open."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(port), str(seconds)])
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        deadline = time.monotonic() + 20
        while True:
            try:
                assert ask(connection) == ("ok", None)
                break
            except ConnectionRefusedError:
                connection.close()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield process, connection
    finally:
        process.kill()
        process.wait()


def ask(connection: http.client.HTTPConnection, path: str = "/") -> tuple[str, str | None]:
    """Body and Connection header of an answer."""
    connection.request("GET", path)
    response = connection.getresponse()
    return response.read().decode(), response.getheader("connection")


def test_an_open_connection_gets_an_answer_that_closes_it() -> None:
    with server(30) as (process, connection):
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(0.5)  # uvicorn alone has closed the connection by now
        assert ask(connection) == ("ok", "close")
        assert process.wait(10) == -signal.SIGTERM  # at once, for no connection is open


def test_new_connections_are_served_while_others_are_open() -> None:
    with server(30) as (process, connection):
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(0.3)
        other = http.client.HTTPConnection("127.0.0.1", connection.port, timeout=20)
        assert ask(other) == ("ok", "close")
        assert ask(connection) == ("ok", "close")
        assert process.wait(10) == -signal.SIGTERM


def test_a_slow_answer_outlasts_the_time_for_closing() -> None:
    with server(0.5) as (process, connection):
        connection.request("GET", "/slow")
        time.sleep(0.2)
        os.kill(process.pid, signal.SIGTERM)
        assert connection.getresponse().read() == b"ok"
        assert process.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("seconds", "signals"), [(30, [signal.SIGTERM, signal.SIGTERM]), (30, [signal.SIGINT])]
)
def test_a_second_signal_and_an_interrupt_end_it_at_once(
    seconds: float, signals: list[signal.Signals]
) -> None:
    with server(seconds) as (process, connection):
        assert connection.sock is not None
        for number in signals:
            os.kill(process.pid, number)
            time.sleep(0.3)
        process.wait(5)
