"""The proxies whose processes are counted: `python -P proxies.py NAME UPSTREAM`, under valgrind, with PYTHONPATH on a checkout.

After the imports, each line `PORT` on the standard input forks a child that serves there until SIGTERM. Children inherit the
counters, so the difference between two children is free of the imports. The parent prints the child's PID, and valgrind
its count. UPSTREAM is a URL without a path.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any

Serve = Callable[[int], None]  # serves on a port of loopback


def assessor(upstream: str) -> Serve:
    """The assessor as its image starts it, with SQLite and without an encoder."""
    from services.assessor import __main__ as program
    from services.assessor import health

    logging.disable(logging.WARNING)  # the lines of each start and end
    health.POLL_SECONDS = 3600.0  # polls come by the clock, and valgrind is slow
    os.environ |= {
        "SIGNALBOX_DECODER_MODEL": "stub",
        "SIGNALBOX_DECODER_URL": f"{upstream}/v1",
        "SIGNALBOX_ENCODER_ENABLED": "false",
        "SIGNALBOX_STATE_DIR": tempfile.mkdtemp(),
    }
    app = program.create_app(program.Settings())
    program.create_app = lambda settings: app  # type: ignore[assignment] # created once, before the forks

    def serve(port: int) -> None:
        os.environ["SIGNALBOX_ASSESSOR_PORT"] = str(port)
        program.main()

    return serve


def bare_aiohttp_proxy(upstream: str) -> Serve:
    """benchmarks/peers/programs/bare_proxy.py."""
    from aiohttp import web

    from benchmarks.peers.programs.bare_proxy import application

    return lambda port: web.run_app(
        application(upstream), host="127.0.0.1", port=port, access_log=None, print=None
    )


def uvicorn_and_aiohttp(upstream: str) -> Serve:
    """uvicorn and aiohttp's client with nothing between them."""
    import aiohttp

    sessions: list[aiohttp.ClientSession] = []

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = await _read(receive)
        if not sessions:
            sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        url, headers = upstream + scope["path"], {"Content-Type": "application/json"}
        async with sessions[0].request("POST", url, data=body, headers=headers) as answer:
            await _respond(send, await answer.read())

    return _uvicorn(app)


def uvicorn_alone(upstream: str) -> Serve:
    """uvicorn that returns a constant."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await _read(receive)
            await _respond(send, b"{}")

    return _uvicorn(app)


PROXIES = {
    "uvicorn that returns a constant": uvicorn_alone,
    "uvicorn and aiohttp's client": uvicorn_and_aiohttp,
    "bare aiohttp proxy": bare_aiohttp_proxy,
    "assessor": assessor,
}


def _uvicorn(app: Any) -> Serve:
    import uvicorn

    return lambda port: uvicorn.run(
        app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off"
    )


async def _read(receive: Any) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


async def _respond(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main(name: str, upstream: str) -> None:
    """Fork a child for each port."""
    serve = PROXIES[name](upstream)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            serve(int(line))
            os._exit(0)
        print(pid, flush=True)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
