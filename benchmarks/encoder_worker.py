"""One encoder in a separate process: job as JSON on stdin, rates and embeddings as JSON on stdout.

`python -P encoder_worker.py KIND FOLDER`, in the environment that has the packages of KIND; both kinds are timed by
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
    from services.encoder.runtime import NetworkEmbedder
    from signalbox.contracts.encoders import NETWORKS

    return NetworkEmbedder(folder, NETWORKS["minilm"], threads=1).embed


def sentence_transformers(folder: Path) -> Embed:
    """The reference: PyTorch in fp32."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    model = SentenceTransformer(str(folder), device="cpu")
    return lambda texts: model.encode(list(texts), batch_size=len(texts), show_progress_bar=False)


KINDS = {"signalbox": signalbox, "sentence-transformers": sentence_transformers}


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
