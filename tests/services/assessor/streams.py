"""A chat API that streams, in a thread of its own; it can hold all streams until a number of them is there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

_PIECE = b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'
_WAIT_SECONDS = 30


@dataclass
class StreamingServer:
    """Its address, and the most streams that were open at a time."""

    url: str = ""
    most: int = 0
    open: int = 0


@contextmanager
def streaming_server(
    *, tokens: int = 4, together: int = 1, failing: bool = False
) -> Iterator[StreamingServer]:
    """A server whose streams end after `together` of them are open; `failing` ones end without usage."""
    server, started, loop = StreamingServer(), threading.Event(), asyncio.new_event_loop()
    stopping = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        server.open += 1
        server.most = max(server.most, server.open)
        await response.write(_PIECE)
        async with asyncio.timeout(_WAIT_SECONDS):
            while server.most < together:
                await asyncio.sleep(0.01)
        if not failing:
            await response.write(b'data: {"usage": {"completion_tokens": %d}}\n\ndata: [DONE]\n\n' % tokens)
        server.open -= 1
        return response

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", stream)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}"
        started.set()
        await stopping.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.close()
