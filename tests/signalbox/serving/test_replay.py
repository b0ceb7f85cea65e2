"""A body that is passed on comes once, and then what the client sends."""

import asyncio

from signalbox.serving.replay import replayed


def test_the_body_comes_first_and_once():
    async def receive():
        return {"type": "http.disconnect"}

    async def messages():
        replay = replayed(b"body", receive)
        return [await replay() for _ in range(3)]

    first, *others = asyncio.run(messages())
    assert first == {"type": "http.request", "body": b"body", "more_body": False}
    assert others == [{"type": "http.disconnect"}] * 2
