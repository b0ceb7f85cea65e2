"""The pass-through under many streams at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from services.assessor.app import create_app
from signalbox.settings import Settings
from tests.helpers import free_port
from tests.services.assessor.page_app import serving
from tests.services.assessor.streams import streaming_server

MANY = 120  # more than aiohttp's client opens by default


async def stream_all(url: str, count: int) -> list[bytes]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def stream() -> bytes:
            async with session.post(url, json={"messages": [], "stream": True}) as response:
                return await response.read()

        return await asyncio.gather(*(stream() for _ in range(count)))


def test_the_model_server_sees_all_streams_at_once(tmp_path: Path) -> None:
    """Its queue is the only one: a stream that waited in the assessor would not count as a waiting request there."""
    port = free_port()
    with streaming_server(together=MANY) as server:
        settings = Settings(
            state_dir=tmp_path, encoder_enabled=False, decoder_url=f"{server.url}/v1", decoder_model="a"
        )
        with serving(create_app(settings), port):
            bodies = asyncio.run(stream_all(f"http://127.0.0.1:{port}/v1/chat/completions", MANY))
    assert server.most == MANY
    assert all(body.endswith(b"data: [DONE]\n\n") for body in bodies)
