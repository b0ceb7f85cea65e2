"""Calls that share requests, against a server in this process."""

import asyncio

import pytest

from signalbox.errors import ModelRejected, ModelTimeout, ModelUnavailable
from signalbox.serving.sharing import SharedRequests, Sharing


class Server:
    """Answers `x` with `X` once it is open; a text `bad` fails the whole request, `slow` times out."""

    def __init__(self):
        self.requests, self.canceled = [], 0
        self.open = asyncio.Event()

    async def send(self, texts):
        self.requests.append(list(texts))
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.canceled += 1
            raise
        if "bad" in texts:
            raise ModelRejected("a text is bad")
        if "slow" in texts:
            raise ModelTimeout("no answer")
        return [text.upper() for text in texts]


def shared(server, concurrency=1, texts=64):
    requests = SharedRequests(server.send, Sharing(concurrency, texts))

    def call(*texts, timeout_seconds=5.0):
        return asyncio.create_task(requests.results(texts, timeout_seconds))

    return requests, call


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def busy(server, call):
    """A request in flight that keeps the only place."""
    task = call("first")
    await until(lambda: server.requests)
    return task


async def test_a_lone_call_is_sent_at_once():
    server = Server()
    server.open.set()
    _, call = shared(server)
    assert await call("a", "b") == ["A", "B"]
    assert await call("c") == ["C"]
    assert server.requests == [["a", "b"], ["c"]]


async def test_what_arrives_during_a_request_goes_together_in_the_next():
    server = Server()
    _, call = shared(server)
    first = await busy(server, call)
    later = [call("a", "b"), call("c"), call("d")]
    await asyncio.sleep(0.01)
    assert server.requests == [["first"]]
    server.open.set()
    assert await first == ["FIRST"]
    assert await asyncio.gather(*later) == [["A", "B"], ["C"], ["D"]]
    assert server.requests[1:] == [["a", "b", "c", "d"]]


async def test_calls_of_one_step_of_the_loop_are_one_request():
    server = Server()
    server.open.set()
    _, call = shared(server, concurrency=4)
    await asyncio.gather(*(call(text) for text in "abc"))
    assert server.requests == [["a", "b", "c"]]


@pytest.mark.parametrize("concurrency", [1, 2, 3])
async def test_no_more_requests_are_in_flight_than_allowed(concurrency):
    server = Server()
    _, call = shared(server, concurrency)
    tasks = []
    for number in range(6):
        tasks.append(call(str(number)))
        await asyncio.sleep(0.001)
    assert len(server.requests) == concurrency
    server.open.set()
    assert await asyncio.gather(*tasks) == [[str(number)] for number in range(6)]


async def test_a_request_has_at_most_so_many_texts_and_no_call_is_split():
    server = Server()
    _, call = shared(server, texts=3)
    first = await busy(server, call)
    later = [call("a", "b"), call("c", "d"), call("e"), call(*"fghij")]
    await asyncio.sleep(0)
    server.open.set()
    await asyncio.gather(first, *later)
    assert server.requests[1:] == [["a", "b"], ["c", "d", "e"], [*"fghij"]]


async def test_what_exceeds_a_request_takes_the_other_places_at_once():
    server = Server()
    _, call = shared(server, concurrency=2, texts=2)
    tasks = [call(text) for text in "abcd"]
    await until(lambda: len(server.requests) == 2)
    assert server.requests == [["a", "b"], ["c", "d"]]
    server.open.set()
    await asyncio.gather(*tasks)


async def test_a_rejected_text_fails_its_own_call_only():
    server = Server()
    _, call = shared(server)
    first = await busy(server, call)
    later = [call("a"), call("bad", "b"), call("c")]
    await asyncio.sleep(0)
    server.open.set()
    await first
    a, failed, c = await asyncio.gather(*later, return_exceptions=True)
    assert (a, c) == (["A"], ["C"])
    assert isinstance(failed, ModelRejected)
    assert server.requests[1:] == [["a", "bad", "b", "c"], ["a"], ["bad", "b"], ["c"]]


async def test_after_a_timeout_nothing_is_repeated():
    server = Server()
    _, call = shared(server)
    first = await busy(server, call)
    later = [call("a"), call("slow")]
    await asyncio.sleep(0)
    server.open.set()
    await first
    results = await asyncio.gather(*later, return_exceptions=True)
    assert [type(result) for result in results] == [ModelTimeout, ModelTimeout]
    assert len(server.requests) == 2


async def test_a_caller_that_leaves_fails_no_other():
    server = Server()
    _, call = shared(server)
    first = await busy(server, call)
    leaving, staying = call("a"), call("b")
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    server.open.set()
    await first
    assert await staying == ["B"]
    assert server.requests[1:] == [["b"]]


async def test_a_caller_that_leaves_during_the_request_fails_no_other():
    server = Server()
    _, call = shared(server)
    leaving, staying = call("a"), call("b")
    await until(lambda: server.requests)
    leaving.cancel()
    await asyncio.sleep(0.001)
    server.open.set()
    assert await staying == ["B"]
    assert (server.requests, server.canceled) == ([["a", "b"]], 0)


async def test_a_request_whose_callers_have_all_left_makes_room():
    server = Server()
    _, call = shared(server)
    leaving = [call("a"), call("b")]
    await until(lambda: server.requests)
    waiting = call("c")
    for task in leaving:
        task.cancel()
    await until(lambda: len(server.requests) == 2)
    assert server.canceled == 1
    server.open.set()
    assert await waiting == ["C"]


async def test_the_time_limit_is_the_callers_and_includes_its_wait():
    server = Server()
    _, call = shared(server)
    first = await busy(server, call)
    impatient, patient = call("a", timeout_seconds=0.01), call("b")
    with pytest.raises(TimeoutError):
        await impatient
    server.open.set()
    assert await first == ["FIRST"]
    assert await patient == ["B"]
    assert server.requests[1:] == [["b"]]


async def test_closing_ends_what_waits_and_what_is_in_flight():
    server = Server()
    requests, call = shared(server)
    tasks = [await busy(server, call), call("a")]
    await asyncio.sleep(0)
    await requests.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [ModelUnavailable, ModelUnavailable]
    assert server.canceled == 1
