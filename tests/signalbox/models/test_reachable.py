"""A model server that is away at first: how long a job waits, and for which failures."""

import asyncio

import pytest

from signalbox.contracts.record import ModelRelease
from signalbox.errors import ModelRejected, ModelUnavailable
from signalbox.models.encoder import EncoderClient
from signalbox.models.reachable import release_within
from signalbox.serving import reachable
from tests.helpers import free_port

RELEASE = ModelRelease(name="m", revision="r", engine="onnxruntime", quantization="int8")
LONG_SECONDS = 600.0


class Server:
    """Answers after so many failures."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def release(self) -> ModelRelease:
        if self.errors:
            raise self.errors.pop(0)
        return RELEASE


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(reachable, "PAUSE_SECONDS", 0.0)


async def test_a_job_waits_for_a_server_that_is_reached_later(caplog) -> None:
    server = Server(ModelUnavailable("http://m: refused."), ModelUnavailable("http://m: refused."))
    assert await release_within(server, LONG_SECONDS) == RELEASE
    assert caplog.text.count("cannot be reached, retrying for") == 2


async def test_without_a_wait_the_first_refusal_is_the_error() -> None:
    client = EncoderClient(f"http://127.0.0.1:{free_port()}", timeout_seconds=5)
    with pytest.raises(ModelUnavailable, match="Cannot connect"):
        await release_within(client, 0)
    await client.close()


async def test_a_server_that_answers_with_an_error_is_not_asked_again() -> None:
    server = Server(ModelRejected("http://m: HTTP 401."))
    with pytest.raises(ModelRejected):
        await release_within(server, LONG_SECONDS)
    assert server.errors == []


async def test_the_wait_ends() -> None:
    server = Server(*(ModelUnavailable("http://m: refused.") for _ in range(1000)))
    with pytest.raises(ModelUnavailable):
        await asyncio.wait_for(release_within(server, 0.001), LONG_SECONDS)
