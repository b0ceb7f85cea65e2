"""The encoder's predictor over KServe V1 and V2 next to the network alone, 1 to 64 clients.

`network alone` is benchmarks/encoder_worker.py's kind `onnxruntime` on the same text, one after the other in one thread:
no HTTP, no tokenizer, no head. With a single sentence a request, it is the limit of a predictor that does not join requests.
Both have MiniLM; `running_encoder` would serve the network that training chooses, which is another one.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from benchmarks.assessor import cpu_seconds
from benchmarks.encoder import network_folder, work
from benchmarks.encoders import predictor
from benchmarks.kserve import PROTOCOLS, TEXT, wrk
from benchmarks.peers.environments import Report
from benchmarks.peers.rounds import Figures, Size, in_turns, median, ratios, spread
from signalbox.settings import Settings

CLIENTS = (1, 8, 32, 64)
LIMIT = "network alone"
_TEXTS = 64


def run(size: Size, report: Report) -> list[dict[str, object]]:
    """A row for the network alone, then for each protocol and number of clients."""
    settings = Settings()
    clients = CLIENTS[1::2] if size.quick else CLIENTS
    with predictor("minilm") as (url, _), network_folder(settings) as network:
        contestants = {LIMIT: partial(_alone, network, size)}
        for protocol, (path, body) in PROTOCOLS.items():
            wrk(url + path, body, clients=4, seconds=1)
            for count in clients:
                load = partial(_load, url, path, body, count, size.seconds)
                contestants[f"{protocol}, {count} clients"] = load
        rounds = in_turns(contestants, size.rounds)
    return [_row(name, rounds) for name in contestants]


def _alone(network: Path, size: Size) -> Figures:
    job = json.dumps({"texts": [TEXT] * _TEXTS, "batches": [1], "repeats": 1 if size.quick else 5})
    result = work("onnxruntime", Path(sys.executable), network, job)
    milliseconds = 1000 / result["rates"]["1"]
    return {
        "requests_per_second": result["rates"]["1"],
        "cpu_ms": result["cpu_ms"]["1"],
        "p50_ms": milliseconds,
        "p99_ms": milliseconds,
        "failed": 0,
    }


def _load(url: str, path: str, body: dict[str, object], clients: int, seconds: int) -> Figures:
    before = cpu_seconds(url)
    result = wrk(url + path, body, clients, seconds, late_seconds=10)
    spent = cpu_seconds(url) - before
    return {**result, "cpu_ms": 1000 * spent / (result["requests_per_second"] * seconds)}


def _row(name: str, rounds: list[dict[str, Figures]]) -> dict[str, object]:
    is_limit = name == LIMIT
    return {
        "predictor": name,
        "requests/s": round(median(rounds, name, "requests_per_second")),
        "p50 ms": round(median(rounds, name, "p50_ms"), 1),
        "p99 ms": "" if is_limit else round(median(rounds, name, "p99_ms"), 1),
        "p99 over p50": "" if is_limit else spread(ratios_of(rounds, name)),
        "CPU ms": round(median(rounds, name, "cpu_ms"), 2),
        f"requests/s over the {LIMIT}": ""
        if is_limit
        else spread(ratios(rounds, "requests_per_second", name, LIMIT)),
        f"CPU over the {LIMIT}": "" if is_limit else spread(ratios(rounds, "cpu_ms", name, LIMIT)),
        "failed": int(sum(one[name]["failed"] for one in rounds)),
    }


def ratios_of(rounds: list[dict[str, Figures]], name: str) -> list[float]:
    """The tail of a contestant's latency over its median, by round."""
    return [one[name]["p99_ms"] / one[name]["p50_ms"] for one in rounds]
