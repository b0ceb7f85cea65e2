"""A server that gets another model while it answers: its release, its engine, and the answers meanwhile."""

from contextlib import asynccontextmanager
from functools import partial

import pytest
from aiohttp import web

from signalbox.errors import ModelUnavailable
from signalbox.models.decoder import DecoderClient
from signalbox.models.server import ChatServer
from tests.helpers import RELEASE

from .conftest import serving

OLD = {"id": "old-model", "owned_by": "vllm", "meta": None, "created": 1}
NEW = {"id": "new-model", "owned_by": "llamacpp", "meta": {"n_params": 7, "size": 8}, "created": 2}
TOKEN = {"token": "Yes", "logprob": -0.01, "top_logprobs": [{"token": "Yes", "logprob": -0.01}]}
CHOICE = {"finish_reason": "stop", "message": {"content": "Yes."}, "logprobs": {"content": [TOKEN]}}
CHUNK = 'data: {"choices": [{"delta": {"content": "Yes. It is "}}]}\n\n'


class Swapped:
    """A server without an outage: `models` is what it lists, `requests` what was asked of it.

    `during`: called while it answers.
    """

    def __init__(self, *models, status=200):
        self.models, self.status, self.requests, self.listings = list(models), status, [], 0
        self.during = None

    @asynccontextmanager
    async def client(self, task, **options):
        routes = {"GET /v1/models": self._listing, "POST /v1/chat/completions": self._complete}
        async with serving(routes) as url:
            client = DecoderClient(task, f"{url}/v1", **({"model": "configured"} | options))
            yield client
            await client.close()

    async def _listing(self, _):
        self.listings += 1
        return web.json_response({"data": self.models}, status=self.status)

    async def _complete(self, request):
        self.requests.append(body := await request.json())
        if self.status != 200:
            return web.json_response({}, status=self.status)
        if not body.get("stream"):
            if self.during:
                await self.during()
            return web.json_response({"choices": [CHOICE]})
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(CHUNK.encode())
        await self.during()
        await response.write(CHUNK.encode())
        return response


async def _swap(server, client):
    """The server gets another model, and a poll sees it."""
    server.models = [NEW]
    assert await client.ready()


async def test_another_model_in_the_listing_is_another_release_and_engine(task):
    """As after `surge: 1`, or behind a gateway: no call and no poll has seen an outage."""
    server = Swapped(OLD)
    async with server.client(task, constrained=True) as client:
        old = (await client.answer("A text.", "en")).release
        server.models = [NEW]
        assert await client.ready()  # the poll of the assessor
        new = (await client.answer("A text.", "en")).release
    assert (old.name, old.engine) == ("old-model", "vllm")
    assert (new.name, new.engine, new.revision) == ("new-model", "llama.cpp", "params:7-bytes:8")
    assert [request["model"] for request in server.requests] == ["old-model", "new-model"]
    assert ["grammar" in request for request in server.requests] == [False, True]


@pytest.mark.parametrize("change", [{"owned_by": "sglang"}, {"meta": {"n_params": 1, "size": 2}}])
async def test_a_model_of_the_same_name_may_be_another_release(task, change):
    server = Swapped(OLD)
    async with server.client(task) as client:
        old = (await client.answer("A text.", "en")).release
        server.models = [OLD | change]
        assert await client.ready()
        assert (await client.answer("A text.", "en")).release != old


async def test_the_time_of_a_listing_costs_no_further_request(task):
    server = Swapped(OLD)
    async with server.client(task) as client:
        await client.answer("A text.", "en")
        server.models = [OLD | {"created": 9}]
        assert await client.ready()
        await client.answer("A text.", "en")
    assert server.listings == 2


async def test_the_release_is_that_of_now_without_a_poll_in_between(task):
    """Jobs compare it at their end with that of their start."""
    server = Swapped(OLD)
    async with server.client(task) as client:
        old = await client.release()
        server.models = [NEW]
        assert (await client.release()).name == "new-model" != old.name


async def test_the_engine_is_read_again_after_an_outage(task):
    server = Swapped(OLD)
    async with server.client(task, constrained=True) as client:
        await client.answer("A text.", "en")
        server.status = 503
        with pytest.raises(ModelUnavailable):
            await client.answer("A text.", "en")
        server.models, server.status = [NEW], 200
        assert (await client.answer("A text.", "en")).release.engine == "llama.cpp"
    assert "grammar" in server.requests[-1]


async def test_a_model_that_changes_during_an_answer_makes_it_fail(task):
    """It may be of either model, so neither's certificate may count."""
    server = Swapped(OLD)
    async with server.client(task) as client:
        server.during = partial(_swap, server, client)
        with pytest.raises(ModelUnavailable, match="got another model during the answer"):
            await client.answer("A text.", "en")
        server.during = None
        assert (await client.answer("A text.", "en")).release.name == "new-model"


async def test_a_model_that_changes_during_a_stream_ends_it(task):
    server = Swapped(OLD)
    async with server.client(task) as client:
        server.during = partial(_swap, server, client)
        with pytest.raises(ModelUnavailable, match="got another model during the answer"):
            [piece async for piece in client.stream("A text.", "en")]


async def test_the_configured_name_has_precedence_over_that_of_an_earlier_only_model(task):
    server = Swapped(OLD)
    async with server.client(task) as client:
        assert (await client.release()).name == "old-model"
        server.models = [OLD, OLD | {"id": "configured"}]
        assert (await client.release()).name == "configured"


async def test_a_configured_release_and_engine_stay_as_they_are(task):
    server = Swapped(OLD)
    async with server.client(task, release=RELEASE, engine="sglang", constrained=True) as client:
        assert await client.ready()
        server.models = [NEW]
        assert await client.ready()
        assert (await client.answer("A text.", "en")).release == await client.release() == RELEASE
    assert "regex" in server.requests[-1]


async def test_a_release_that_is_still_being_read_is_not_kept_for_another_model(monkeypatch):
    """A large file takes seconds to hash."""
    entries = [OLD, NEW]
    server = ChatServer("http://127.0.0.1:1/v1", model="any")

    async def models():
        return [entries[0]]

    async def slow(function, *arguments, **options):
        if entries.pop(0) is OLD:
            await server._listing()
        return function(*arguments, **options)

    monkeypatch.setattr(server._session, "models", models)
    monkeypatch.setattr("signalbox.models.server.asyncio.to_thread", slow)
    assert (await server.release()).name == "old-model"
    assert server._current_release is None
    entries.insert(0, NEW)
    assert (await server.last_release()).name == "new-model"
    assert server._current_release is not None
