"""The least that a proxy in Python does: aiohttp in, aiohttp out, the body unread. `python -m benchmarks.peers.programs.bare_proxy PORT UPSTREAM`.

It has no keys, limits, metrics or usage; it shows what these cost.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

_SESSION = web.AppKey("session", aiohttp.ClientSession)
_UPSTREAM = web.AppKey("upstream", str)


async def forward(request: web.Request) -> web.Response:
    """The upstream's answer to the same body."""
    url = request.app[_UPSTREAM] + request.path
    data = await request.read() if request.can_read_body else None
    headers = {"Content-Type": request.headers.get("Content-Type", "application/json")}
    async with request.app[_SESSION].request(request.method, url, data=data, headers=headers) as answer:
        body = await answer.read()
        return web.Response(status=answer.status, body=body, content_type=answer.content_type)


async def _session(app: web.Application) -> AsyncIterator[None]:
    connector = aiohttp.TCPConnector(limit=0)
    app[_SESSION] = aiohttp.ClientSession(connector=connector)
    yield
    await app[_SESSION].close()


def application(upstream: str) -> web.Application:
    """A proxy in front of `upstream`, a URL without a path."""
    app = web.Application()
    app[_UPSTREAM] = upstream
    app.cleanup_ctx.append(_session)
    app.router.add_route("*", "/{path:.*}", forward)
    return app


if __name__ == "__main__":
    web.run_app(
        application(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None
    )
