"""The head of a response leaves with the first piece of its body, and no later than the next turn of the event loop."""

import asyncio

import pytest

from signalbox.serving.joined_head import JoinedHead

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


class Writes:
    """What reaches the kernel, one entry for each call."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.calls.append(data)

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.write(b"".join(parts))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> str:
        return name


@pytest.fixture
def writes() -> Writes:
    return Writes()


@pytest.fixture
async def transport(writes: Writes) -> JoinedHead:
    return JoinedHead(writes, asyncio.get_running_loop())  # type: ignore[arg-type]


async def test_a_response_is_one_write(transport: JoinedHead, writes: Writes) -> None:
    transport.write(HEAD)
    transport.write(b"body")
    await asyncio.sleep(0)
    assert writes.calls == [HEAD + b"body"]


async def test_the_head_of_a_stream_leaves_before_its_first_piece(
    transport: JoinedHead, writes: Writes
) -> None:
    transport.write(HEAD)
    await asyncio.sleep(0)
    assert writes.calls == [HEAD]
    transport.write(b"one")
    transport.write(b"two")
    assert writes.calls == [HEAD, b"one", b"two"]


async def test_responses_one_after_the_other_keep_their_order(transport: JoinedHead, writes: Writes) -> None:
    for body in (b"1", b"2"):
        transport.write(HEAD)
        transport.write(body)
    assert b"".join(writes.calls) == HEAD + b"1" + HEAD + b"2"


async def test_a_held_head_is_written_before_the_transport_closes(
    transport: JoinedHead, writes: Writes
) -> None:
    transport.write(HEAD)
    transport.close()
    await asyncio.sleep(0)
    assert transport.is_closing()
    assert writes.calls == [HEAD]


async def test_all_else_is_the_transports(transport: JoinedHead) -> None:
    assert transport.get_extra_info("peername") == "peername"
