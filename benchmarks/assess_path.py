"""POST /v1/assess on the route `encoder`, next to the predictor alone: requests/s and CPU time, in turns.

The record is durable in SQLite on this disk before the answer leaves. wrk shares the cores with both servers. With
CHECKOUT=FOLDER, the assessor of another checkout, in its own environment, takes turns too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.assessor import READY_SECONDS, cpu_seconds
from benchmarks.kserve import PROTOCOLS, TEXT, wrk
from benchmarks.machine import conditions, measured
from benchmarks.peers.rounds import Figures, in_turns, median, ratios, spread
from local import stack
from local.processes import Supervisor
from signalbox.settings import Settings
from tests.helpers import folder_on_disk, free_port, running_encoder

CLIENTS = (1, 16)
ROUNDS, SECONDS = 3, 5
# Of the predictor's requests/s at 16 clients, and of the assessor for a request.
GOAL_SHARE, GOAL_CPU_MS = 0.9, 1.0
_ALONE = "predictor alone"
_ASSESS: dict[str, object] = {"text": TEXT, "language": "en", "model": "encoder"}


@dataclass(frozen=True)
class _Contestant:
    """What is loaded, and the servers whose CPU time counts, by their URLs."""

    url: str
    body: dict[str, object]
    servers: dict[str, str]


def run() -> list[dict[str, object]]:
    """A row for each contestant and number of clients."""
    settings = Settings().model_copy(update={"decoder_enabled": False})
    rows: list[dict[str, object]] = []
    with ExitStack() as opened:
        folder = opened.enter_context(folder_on_disk())
        encoder = opened.enter_context(running_encoder(settings, folder))
        path, body = PROTOCOLS["V2"]
        contestants = {_ALONE: _Contestant(encoder + path, body, {"encoder": encoder})}
        for name, checkout in _checkouts().items():
            changes = {"state_dir": folder / name.replace(" ", "-"), "encoder_url": encoder}
            url = opened.enter_context(_assessor(settings.model_copy(update=changes), checkout))
            servers = {"encoder": encoder, "assessor": url}
            contestants[name] = _Contestant(f"{url}/v1/assess", _ASSESS, servers)
        for clients in CLIENTS:
            rows += _rows(contestants, clients)
    return rows


def _checkouts() -> dict[str, Path]:
    other = os.environ.get("CHECKOUT")
    return {"assessor": Path.cwd()} | ({"assessor of CHECKOUT": Path(other)} if other else {})


@contextmanager
def _assessor(settings: Settings, checkout: Path) -> Iterator[str]:
    """The URL of an assessor with the code and the packages of a checkout."""
    service = stack.assessor(settings.model_copy(update={"assessor_port": free_port()}))
    service = replace(
        service,
        # -P: the code is the checkout's, not that of the working directory.
        command=(str(checkout / ".venv/bin/python"), "-P", *service.command[1:]),
        environment={**service.environment, "PYTHONPATH": f"{checkout}{os.pathsep}{checkout / 'src'}"},
        ready_seconds=READY_SECONDS,
    )
    with Supervisor(settings.logs_dir) as supervisor:
        supervisor.start(service)
        supervisor.wait_ready(service)
        yield service.url


def _rows(contestants: dict[str, _Contestant], clients: int) -> list[dict[str, object]]:
    for one in contestants.values():
        wrk(one.url, one.body, clients, seconds=1)
    measures = {name: partial(_load, one, clients) for name, one in contestants.items()}
    rounds = in_turns(measures, ROUNDS)
    where = measured(conditions())
    return [_row(name, clients, rounds, where) for name in contestants]


def _load(one: _Contestant, clients: int) -> Figures:
    before = {name: cpu_seconds(url) for name, url in one.servers.items()}
    figures = wrk(one.url, one.body, clients, SECONDS, late_seconds=10)
    requests = figures["requests_per_second"] * SECONDS
    spent = {name: cpu_seconds(url) - before[name] for name, url in one.servers.items()}
    return {**figures, **{f"{name}_cpu_ms": 1000 * seconds / requests for name, seconds in spent.items()}}


def _row(name: str, clients: int, rounds: list[dict[str, Figures]], where: str) -> dict[str, object]:
    def middle(key: str) -> float:
        return median(rounds, name, key)

    def compared(key: str) -> str:
        return spread(ratios(rounds, key, name, _ALONE))

    is_assessor = name != _ALONE
    return {
        "contestant": name,
        "clients": clients,
        "requests/s": round(middle("requests_per_second")),
        f"over the {_ALONE}": compared("requests_per_second") if is_assessor else "",
        "p50 ms": round(middle("p50_ms"), 2),
        "p99 ms": round(middle("p99_ms"), 2),
        "encoder CPU ms": round(middle("encoder_cpu_ms"), 2),
        "assessor CPU ms": round(middle("assessor_cpu_ms"), 2) if is_assessor else "",
        "failed": int(sum(one[name]["failed"] for one in rounds)),
        "where": where,
    }
