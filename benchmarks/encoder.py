"""Sentences/s of the encoder's int8 model on one thread, against sentence-transformers on the same weights.

The reference has a separate environment in the cache (benchmarks/peers/environments.py). It runs on the CPU here.
`make bench-peers` adds further peers.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.peers.environments import program
from pipelines.train import minilm
from signalbox.settings import Settings
from signalbox.tasks import load_data, load_task

BATCHES = (1, 8, 32)
ROUNDS, REPEATS = 3, 5
GOAL = {1: 4.0}  # times sentence-transformers
ROOT = Path(__file__).parents[2]
_WORKER = Path(__file__).with_name("encoder_worker.py")
# One thread, the tokenizer's too.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def run() -> list[dict[str, object]]:
    """One row per batch size; rounds alternate, so that a busy neighbor hits both."""
    settings = Settings()
    texts = [row.text for row in load_data(load_task(settings.task), "test")]
    job = json.dumps({"texts": texts, "batches": BATCHES, "repeats": REPEATS})
    with network_folder(settings) as ours:
        contestants = {
            "signalbox": (Path(sys.executable), ours),
            "sentence-transformers": (
                program("sentence-transformers", settings, Console().print),
                minilm.package_folder(),
            ),
        }
        rounds = [
            {kind: work(kind, *where, job) for kind, where in contestants.items()} for _ in range(ROUNDS)
        ]
    ours_vectors, their_vectors = (np.array(rounds[0][kind]["embeddings"]) for kind in contestants)
    cosines = np.sum(ours_vectors * their_vectors, axis=1)  # both have length 1
    return [_row(batch, rounds, cosines) for batch in BATCHES]


@contextmanager
def network_folder(settings: Settings) -> Iterator[Path]:
    """A folder with the network and its tokenizer, as a release has them."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "model.onnx").symlink_to(minilm.ensure_onnx(settings.cache_dir).resolve())
        (folder / "tokenizer.json").symlink_to(minilm.package_folder() / "tokenizer.json")
        yield folder


def work(kind: str, python: Path, folder: Path, job: str) -> dict[str, dict[str, float]]:
    """What benchmarks/encoder_worker.py prints for a kind, in the environment of this interpreter."""
    environment = {**os.environ, **_ONE_THREAD, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [str(python), "-P", str(_WORKER), kind, str(folder)],
        input=job, env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    result: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return result


def _row(
    batch: int, rounds: list[dict[str, dict[str, dict[str, float]]]], cosines: np.ndarray
) -> dict[str, object]:
    ours, theirs = (
        [one[kind]["rates"][str(batch)] for one in rounds] for kind in ("signalbox", "sentence-transformers")
    )
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        "batch": batch,
        "signalbox_per_s": round(statistics.median(ours)),
        "sentence_transformers_per_s": round(statistics.median(theirs)),
        "ratio": round(statistics.median(ratios), 2),
        "ratio_range": f"{min(ratios):.2f}-{max(ratios):.2f}",
        "goal": GOAL.get(batch, ""),
        "cosine_mean": round(float(cosines.mean()), 4),
        "cosine_min": round(float(cosines.min()), 4),
    }
