"""Sentences/s of the encoder's int8 model on one thread, against sentence-transformers on the same weights.

The reference has a separate environment in the cache (created once; about 6 GiB, since PyPI's PyTorch includes the CUDA
libraries and does not import without them; it runs on the CPU here).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import numpy as np
from rich.console import Console

from pipelines.train import minilm
from signalbox.errors import SetupError
from signalbox.settings import Settings
from signalbox.tasks import load_data, load_task

VERSION = "6.2.0"
PACKAGES = (f"sentence-transformers=={VERSION}", "torch==2.15.0", "transformers==5.24.0")
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
    python = reference_python(settings.cache_dir, Console())
    texts = [row.text for row in load_data(load_task(settings.task), "test")]
    job = json.dumps({"texts": texts, "batches": BATCHES, "repeats": REPEATS})
    with tempfile.TemporaryDirectory() as scratch:
        ours = Path(scratch)
        (ours / "model.onnx").symlink_to(minilm.ensure_onnx(settings.cache_dir).resolve())
        (ours / "tokenizer.json").symlink_to(minilm.package_folder() / "tokenizer.json")
        contestants = {
            "signalbox": (Path(sys.executable), ours),
            "sentence-transformers": (python, minilm.package_folder()),
        }
        rounds = [
            {kind: _work(kind, *where, job) for kind, where in contestants.items()} for _ in range(ROUNDS)
        ]
    ours_vectors, their_vectors = (np.array(rounds[0][kind]["embeddings"]) for kind in contestants)
    cosines = np.sum(ours_vectors * their_vectors, axis=1)  # both have length 1
    return [_row(batch, rounds, cosines) for batch in BATCHES]


def reference_python(cache_dir: Path, console: Console) -> Path:
    """The interpreter of the reference's environment, which is created where it is missing."""
    folder = cache_dir / f"bench-sentence-transformers-{VERSION}"
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        console.print(f"· installing {', '.join(PACKAGES)} into {folder} (about 6 GiB, 2 to 5 minutes)")
        started = time.perf_counter()
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", *PACKAGES]
        if subprocess.run(command, check=False).returncode:
            raise SetupError(f"sentence-transformers could not be installed into {folder}; see above.")
        complete.touch()
        console.print(f"  done in {time.perf_counter() - started:.0f} s")
    return python


def _work(kind: str, python: Path, folder: Path, job: str) -> dict[str, dict[str, float]]:
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
