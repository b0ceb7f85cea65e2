"""The encoder on one thread next to sentence-transformers and to the network alone in ONNX Runtime.

Signalbox and sentence-transformers tokenize; `onnxruntime` runs the same int8 file with default options on tokens of before,
each batch padded to its longest text. sentence-transformers computes the same weights in fp32.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from benchmarks.encoder import BATCHES, network_folder, work
from benchmarks.peers.environments import PEERS, PeerMissingError, Report, program
from benchmarks.peers.rounds import Figures, Size, in_turns, median, ratios, spread
from pipelines.train import minilm
from signalbox.settings import Settings
from signalbox.tasks import load_data, load_task

OURS, LIMIT, REFERENCE = "signalbox", "onnxruntime", "sentence-transformers"
_TEXTS, _QUICK_TEXTS = 128, 32  # more rounds say more than more texts, as other work shares the cores
_REPEATS = 1


def run(size: Size, report: Report) -> list[dict[str, object]]:
    """A row for each batch size and contestant."""
    settings = Settings()
    texts = [row.text for row in load_data(load_task(settings.task), "test")][
        : _QUICK_TEXTS if size.quick else _TEXTS
    ]
    job = json.dumps({"texts": texts, "batches": BATCHES, "repeats": _REPEATS})
    with network_folder(settings) as ours:
        where = {OURS: (Path(sys.executable), ours), LIMIT: (Path(sys.executable), ours)}
        try:
            where[REFERENCE] = program(REFERENCE, settings, report), minilm.package_folder()
        except PeerMissingError as error:
            report(f"  · {REFERENCE} is left out: {error}")
        contestants = {name: partial(_paces, name, *place, job) for name, place in where.items()}
        rounds = in_turns(contestants, size.rounds)
    return [_row(batch, name, rounds) for batch in BATCHES for name in where]


def _paces(kind: str, python: Path, folder: Path, job: str) -> Figures:
    """Rate and CPU time for each batch size, by `rate 8` and `cpu 8`."""
    result = work(kind, python, folder, job)
    rates = {f"rate {batch}": value for batch, value in result["rates"].items()}
    return rates | {f"cpu {batch}": value for batch, value in result["cpu_ms"].items()}


def _row(batch: int, name: str, rounds: list[dict[str, Figures]]) -> dict[str, object]:
    version = f" {PEERS[name].version}" if name in PEERS else ""
    return {
        "batch": batch,
        "encoder": name + version,
        "sentences/s": round(median(rounds, name, f"rate {batch}")),
        "CPU ms": round(median(rounds, name, f"cpu {batch}"), 2),
        "Signalbox's sentences/s over its": ""
        if name == OURS
        else spread(ratios(rounds, f"rate {batch}", OURS, name)),
        "its CPU over Signalbox's": ""
        if name == OURS
        else spread(ratios(rounds, f"cpu {batch}", name, OURS)),
    }
