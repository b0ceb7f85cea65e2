"""Instruction counts from the worker's lines and valgrind's."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from benchmarks.instructions import process
from benchmarks.instructions.__main__ import THRESHOLD, compare, differences, main
from benchmarks.instructions.worker import FUNCTIONS


def test_a_count_is_the_difference_between_twice_the_calls_and_the_calls() -> None:
    listing = "light\t100\t11\nlight\t200\t12\n"
    assert differences(listing, {"11": 5_000, "12": 7_000}) == {"light": 20.0}


def test_only_growth_beyond_the_threshold_fails() -> None:
    before = {"a": 1000.0, "b": 1000.0}
    now = {"a": 1000.0 * (1 + THRESHOLD) + 1, "b": 500.0, "new": 1.0}
    assert [row["exceeds"] for row in compare(before, now)] == [True, False, False]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_runs_in_this_tree(name: str) -> None:
    FUNCTIONS[name]()()


def test_without_valgrind_the_bench_says_so_and_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "valgrind" else f"/bin/{name}")
    assert main([]) == 0
    assert "left out, valgrind is not installed (apt-get install valgrind)" in capsys.readouterr().out


def test_a_commit_that_is_not_there_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    assert main(["no-such-commit"]) == 0
    assert "left out, there is no commit no-such-commit" in capsys.readouterr().out


async def test_the_load_sends_each_request_once() -> None:
    heads: list[bytes] = []

    class Server(process.Upstream):
        def message(self, head: bytes) -> None:
            heads.append(head)
            super().message(head)

    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    async with server:
        await process.load(server.sockets[0].getsockname()[1], clients=4, requests=10)
    assert len(heads) == 10
    assert all(head.startswith(b"POST /v1/chat/completions ") for head in heads)


async def test_a_response_that_is_not_200_ends_the_load() -> None:
    class Server(process.Upstream):
        def message(self, head: bytes) -> None:
            self.transport.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    async with server:
        with pytest.raises(RuntimeError, match="502"):
            await process.load(server.sockets[0].getsockname()[1], clients=1, requests=2)
