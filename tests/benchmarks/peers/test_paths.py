"""The command and the bare proxy."""

from __future__ import annotations

import importlib

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from benchmarks.peers import pass_through
from benchmarks.peers.__main__ import PATHS, main
from benchmarks.peers.programs.bare_proxy import application


def test_each_path_has_a_module_with_run() -> None:
    for module in PATHS.values():
        assert callable(importlib.import_module(f"benchmarks.peers.{module}").run)


def test_an_unknown_path_is_an_error_that_lists_the_paths(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["encodr"])
    assert stop.value.code == 2
    assert "unknown path `encodr`; paths: pass-through, encoder" in capsys.readouterr().err


async def test_the_bare_proxy_forwards_body_path_and_status() -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(status=201, text=f"{request.path} {await request.text()}")

    upstream = web.Application()
    upstream.router.add_post("/{path:.*}", echo)
    async with TestServer(upstream) as server:
        url = str(server.make_url("")).rstrip("/")
        async with TestClient(TestServer(application(url))) as client:
            answer = await client.post("/v1/chat", data=b"{}")
            assert (answer.status, await answer.text()) == (201, "/v1/chat {}")


def test_a_proxy_that_answers_nothing_gets_a_longer_run(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []

    def wrk(url: str, body: object, clients: int, seconds: int, late_seconds: int) -> dict[str, float]:
        runs.append(seconds)
        if len(runs) == 1:
            raise RuntimeError("answered nothing")
        return {"requests_per_second": 1.0}

    monkeypatch.setattr(pass_through, "wrk", wrk)
    figures = pass_through._load("http://127.0.0.1", {}, 1, 2, iter([0.0, 0.0, 0.006]).__next__)
    assert runs == [2, 12]
    assert figures["cpu_ms"] == pytest.approx(0.5)
