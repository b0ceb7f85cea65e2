"""The pass-through next to LiteLLM's proxy, a bare aiohttp proxy and nginx, in front of the same stub of a model server.

The stub (benchmarks/stub_upstream.py) returns a recorded answer of llama-server at once: the hardest case for a proxy.
`cpu_ms` is a proxy's own CPU time of a request. It decides where wrk, stub and proxy share few cores.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.assessor import READY_SECONDS, cpu_seconds, running
from benchmarks.kserve import TEXT, wrk
from benchmarks.peers.environments import PeerMissingError, Report, program, title
from benchmarks.peers.rounds import Figures, Size, group_cpu_seconds, in_turns, median, ratios, spread
from local import stack
from local.processes import Service, Supervisor
from signalbox.errors import SetupError
from signalbox.settings import Settings
from signalbox.tasks import load_task
from tests.helpers import folder_on_disk, free_port

CLIENTS = (1, 16, 64)
PATH = "/v1/chat/completions"
DIRECT, OURS = "direct", "signalbox"
_LONGER, _LATE_SECONDS = 6, 30
Clock = Callable[[], float]  # CPU seconds of a server so far


def run(size: Size, report: Report) -> list[dict[str, object]]:
    """A row for each number of clients and contestant."""
    settings = Settings()
    with folder_on_disk() as folder, ExitStack() as servers:
        settings = settings.model_copy(update={"state_dir": folder / "run", "encoder_enabled": False})
        supervisor = servers.enter_context(Supervisor(folder / "logs"))
        settings = servers.enter_context(running(settings, 0.0))
        upstream = settings.decoder_base_url.removesuffix("/v1")
        urls: dict[str, str] = {DIRECT: upstream, OURS: settings.assessor_base_url}
        titles: dict[str, str] = {}
        clocks: dict[str, Clock] = {DIRECT: lambda: 0.0, OURS: partial(cpu_seconds, urls[OURS])}
        for name, peer in _proxies(settings, folder, upstream, report):
            try:
                supervisor.start(peer)
                supervisor.wait_ready(peer)
            except SetupError as error:
                report(f"  · {name} is left out: {error}")
                continue
            titles[name] = title(name, peer.command[0])
            urls[name], clocks[name] = peer.url, partial(group_cpu_seconds, supervisor.pid(peer))
        return [row for clients in CLIENTS for row in _rows(settings, urls, clocks, titles, clients, size)]


def _proxies(
    settings: Settings, folder: Path, upstream: str, report: Report
) -> Iterator[tuple[str, Service]]:
    """The peers that can be installed, in the order of the table."""
    for name, make in PROXIES.items():
        try:
            yield name, make(settings, folder, upstream, report)
        except PeerMissingError as error:
            report(f"  · {name} is left out: {error}")


def _litellm(settings: Settings, folder: Path, upstream: str, report: Report) -> Service:
    model = {"model": "openai/stub", "api_base": f"{upstream}/v1", "api_key": "none"}
    config = folder / "litellm.yaml"  # JSON is YAML
    config.write_text(json.dumps({"model_list": [{"model_name": "stub", "litellm_params": model}]}))
    path, port = program("litellm", settings, report), free_port()
    command = (
        str(path),
        "--config",
        str(config),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--telemetry",
        "False",
    )
    # Without the map of costs from the network, without a line for each request, and without keys, as Signalbox runs here.
    environment = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "DISABLE_ADMIN_UI": "True",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }
    return _service("litellm", command, port, "/health/liveliness", environment, ready_seconds=READY_SECONDS)


def _aiohttp(settings: Settings, folder: Path, upstream: str, report: Report) -> Service:
    port = free_port()
    command = (sys.executable, "-m", "benchmarks.peers.programs.bare_proxy", str(port), upstream)
    return _service("aiohttp", command, port, "/v1/models", stack.importable())


def _nginx(settings: Settings, folder: Path, upstream: str, report: Report) -> Service:
    path, port = program("nginx", settings, report), free_port()
    home = folder / "nginx"
    home.mkdir()
    (home / "nginx.conf").write_text(
        _NGINX.format(port=port, upstream=upstream.removeprefix("http://"), home=home)
    )
    command = (str(path), "-p", str(home), "-e", str(home / "error.log"), "-c", str(home / "nginx.conf"))
    return _service("nginx", command, port, "/v1/models", {})


_NGINX = """
daemon off;
worker_processes 1;
pid {home}/pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  upstream stub {{ server {upstream}; keepalive 128; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass http://stub;
    }}
  }}
}}
"""
PROXIES = {"litellm": _litellm, "aiohttp": _aiohttp, "nginx": _nginx}


def _service(
    name: str,
    command: tuple[str, ...],
    port: int,
    ready: str,
    environment: dict[str, str],
    ready_seconds: float = 60,
) -> Service:
    return Service(name, command, "127.0.0.1", port, ready, "", environment, ready_seconds=ready_seconds)


def _rows(
    settings: Settings,
    urls: dict[str, str],
    clocks: dict[str, Clock],
    titles: dict[str, str],
    clients: int,
    size: Size,
) -> list[dict[str, object]]:
    body: dict[str, object] = {"model": "stub", "messages": load_task(settings.task).messages(TEXT, "en")}
    body["max_tokens"] = 40
    contestants = {
        name: partial(_load, url + PATH, body, clients, size.seconds, clocks[name])
        for name, url in urls.items()
    }
    for warm_up in contestants.values():
        warm_up()
    rounds = in_turns(contestants, size.rounds)
    return [_row(name, titles.get(name, name), clients, rounds) for name in urls]


def _load(url: str, body: dict[str, object], clients: int, seconds: int, clock: Clock) -> Figures:
    """One run; on a busy machine a slow proxy may answer nothing in its time, and gets a longer one then."""
    try:
        return _run(url, body, clients, seconds, clock)
    except RuntimeError:
        return _run(url, body, clients, seconds * _LONGER, clock)


def _run(url: str, body: dict[str, object], clients: int, seconds: int, clock: Clock) -> Figures:
    before = clock()
    result = wrk(url, body, clients, seconds, late_seconds=_LATE_SECONDS)
    spent = clock() - before
    return {**result, "cpu_ms": 1000 * spent / (result["requests_per_second"] * seconds)}


def _row(name: str, title: str, clients: int, rounds: list[dict[str, Figures]]) -> dict[str, object]:
    added = [one[name]["p50_ms"] - one[DIRECT]["p50_ms"] for one in rounds]
    is_peer = name not in (DIRECT, OURS)
    return {
        "clients": clients,
        "proxy": title,
        "p50 ms": round(median(rounds, name, "p50_ms"), 2),
        "added p50 ms": "" if name == DIRECT else spread(added),
        "p99 ms": round(median(rounds, name, "p99_ms"), 2),
        "requests/s": round(median(rounds, name, "requests_per_second")),
        "CPU ms": "" if name == DIRECT else round(median(rounds, name, "cpu_ms"), 3),
        "Signalbox's requests/s over its": spread(ratios(rounds, "requests_per_second", OURS, name))
        if is_peer
        else "",
        "its CPU over Signalbox's": spread(ratios(rounds, "cpu_ms", name, OURS)) if is_peer else "",
        "failed": int(sum(one[name]["failed"] for one in rounds)),
    }
