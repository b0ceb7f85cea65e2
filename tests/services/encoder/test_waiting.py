"""Requests that wait for the inference thread."""

import asyncio
import threading

import pytest

from services.encoder.waiting import TEXTS_TOGETHER, Waiting


class Slow:
    """Computes the length of texts, one run at a time, each when the test lets it."""

    def __init__(self):
        self.runs, self.gate = [], threading.Semaphore(0)

    def __call__(self, texts):
        self.runs.append(list(texts))
        self.gate.acquire(timeout=10)
        if "bad" in texts:
            raise ValueError("bad")
        return [len(text) for text in texts]


async def started(compute, runs=1):
    while len(compute.runs) < runs:
        await asyncio.sleep(0.001)


async def test_an_idle_thread_takes_a_request_at_once_and_what_arrives_meanwhile_runs_together():
    compute = Slow()
    waiting = Waiting(compute)
    first = asyncio.create_task(waiting.results(["a"]))
    await started(compute)
    others = [asyncio.create_task(waiting.results(texts)) for texts in (["bb", "ccc"], ["dddd"])]
    await asyncio.sleep(0)
    compute.gate.release(2)
    assert await asyncio.gather(first, *others) == [[1], [2, 3], [4]]
    assert compute.runs == [["a"], ["bb", "ccc", "dddd"]]


async def test_only_the_request_that_is_the_cause_fails():
    compute = Slow()
    waiting = Waiting(compute)
    first = asyncio.create_task(waiting.results(["a"]))
    await started(compute)
    good, bad = (asyncio.create_task(waiting.results([text])) for text in ("bb", "bad"))
    await asyncio.sleep(0)
    compute.gate.release(4)
    assert await first == [1]
    assert await good == [2]
    with pytest.raises(ValueError, match="bad"):
        await bad


async def test_a_canceled_request_is_not_computed_and_does_not_stop_the_others():
    compute = Slow()
    waiting = Waiting(compute)
    running = asyncio.create_task(waiting.results(["a"]))
    await started(compute)
    gone, stays = (asyncio.create_task(waiting.results([text])) for text in ("bb", "ccc"))
    await asyncio.sleep(0)
    running.cancel()
    gone.cancel()
    await asyncio.sleep(0)
    compute.gate.release(2)
    assert await stays == [3]
    assert compute.runs == [["a"], ["ccc"]]


async def test_what_arrives_while_the_thread_ends_a_canceled_run_runs_together():
    compute = Slow()
    waiting = Waiting(compute)
    running = asyncio.create_task(waiting.results(["a"]))
    await started(compute)
    running.cancel()
    others = []
    for text in ("bb", "ccc"):
        others.append(asyncio.create_task(waiting.results([text])))
        await asyncio.sleep(0.01)
    compute.gate.release(2)
    assert await asyncio.gather(*others) == [[2], [3]]
    assert compute.runs == [["a"], ["bb", "ccc"]]


async def test_a_run_has_a_limit_and_a_larger_request_runs_alone():
    compute = Slow()
    waiting = Waiting(compute)
    sizes = (1, TEXTS_TOGETHER - 1, 2, TEXTS_TOGETHER + 1, 1)
    tasks = []
    for size in sizes:
        tasks.append(asyncio.create_task(waiting.results(["x"] * size)))
        await asyncio.sleep(0)
        if size == 1:
            await started(compute)
    compute.gate.release(len(sizes))
    assert [len(result) for result in await asyncio.gather(*tasks)] == list(sizes)
    assert [len(run) for run in compute.runs] == [1, TEXTS_TOGETHER - 1, 2, TEXTS_TOGETHER + 1, 1]
