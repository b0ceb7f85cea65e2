"""The encoder on one thread next to sentence-transformers, llama.cpp, and the network alone in ONNX Runtime.

`onnxruntime` runs the same int8 file with default options on tokens of before, each batch padded to its longest text; all
others tokenize. sentence-transformers computes the same weights in fp32, llama.cpp in the type that its row names.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from benchmarks.encoder import BATCHES, network_folder, work
from benchmarks.peers import minilm_gguf
from benchmarks.peers.environments import PEERS, PeerMissingError, Report, program
from benchmarks.peers.rounds import Figures, Size, in_turns, median, ratios, spread
from local import llama
from pipelines.train import minilm
from signalbox.contracts.encoders import MAX_TOKENS
from signalbox.settings import Settings
from signalbox.tasks import load_data, load_task

OURS, LIMIT, REFERENCE = "signalbox", "onnxruntime", "sentence-transformers"
WITH_TOKENIZER = "onnxruntime with its tokenizer"
LLAMA = {"llama.cpp F16": "F16", "llama.cpp Q8_0": "Q8_0"}  # name of a contestant → its weights
_LOWEST_COSINE = 0.99  # to the vectors in fp32; below, the file of a peer is wrong and its time says nothing
_TEXTS, _QUICK_TEXTS = 128, 32  # more rounds say more than more texts, as other work shares the cores
_REPEATS = 1
Places = dict[str, tuple[Path, Path]]  # contestant → its interpreter, and the folder of its files


def run(size: Size, report: Report) -> list[dict[str, object]]:
    """A row for each batch size and contestant."""
    settings = Settings()
    texts = [row.text for row in load_data(load_task(settings.task), "test")][
        : _QUICK_TEXTS if size.quick else _TEXTS
    ]
    job = json.dumps({"texts": texts, "batches": BATCHES, "repeats": _REPEATS})
    with network_folder(settings) as ours:
        python = Path(sys.executable)
        places: Places = dict.fromkeys((OURS, LIMIT, WITH_TOKENIZER), (python, ours))
        try:
            places[REFERENCE] = program(REFERENCE, settings, report), minilm.package_folder()
        except PeerMissingError as error:
            report(f"  · {REFERENCE} is left out: {error}")
        places |= _llama_places(settings, report, texts)
        report(f"  · {size.rounds} rounds of {len(places)} encoders")
        contestants = {name: partial(_paces, name, *place, job) for name, place in places.items()}
        rounds = in_turns(contestants, size.rounds)
    return [_row(batch, name, rounds) for batch in BATCHES for name in places]


def _llama_places(settings: Settings, report: Report, texts: list[str]) -> Places:
    """llama.cpp with each type of weights whose vectors are near those in fp32; none where it cannot run."""
    if problem := llama.problem():
        report(f"  · llama.cpp is left out: {problem}")
        return {}
    places = {}
    try:
        writer = program("gguf", settings, report)
        for name, weights in LLAMA.items():
            places[name] = Path(sys.executable), _gguf_folder(settings, writer, weights, report)
    except PeerMissingError as error:
        report(f"  · llama.cpp is left out: {error}")
        return {}
    expected = _exact(texts)
    for name, place in list(places.items()):
        lowest = lowest_cosine(name, *place, texts, expected)
        report(f"  · {name}: lowest cosine to fp32 {lowest:.5f}")
        if lowest < _LOWEST_COSINE:
            report(f"  · {name} is left out: its vectors are not those of MiniLM")
            del places[name]
    return places


def _gguf_folder(settings: Settings, writer: Path, weights: str, report: Report) -> Path:
    """A folder with `model.gguf`, written once. Raises PeerMissingError with the writer's last line."""
    target = settings.cache_dir / "peers" / f"minilm-{weights}-build{minilm_gguf.BUILD}" / "model.gguf"
    if not target.exists():
        report(f"  · writing {target}")
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(".draft")
        script = Path(minilm_gguf.__file__)
        command = [writer, "-P", script, minilm.package_folder(), draft, weights]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise PeerMissingError(f"no GGUF file: {(done.stderr.strip() or 'no output').splitlines()[-1]}")
        draft.replace(target)
    return target.parent


def lowest_cosine(name: str, python: Path, folder: Path, texts: list[str], expected: np.ndarray) -> float:
    """Of a contestant's vectors to these, text by text."""
    job = json.dumps({"texts": texts, "batches": [], "repeats": 0})
    vectors = np.array(work(name, python, folder, job)["embeddings"])
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(expected, axis=1)
    return float(np.min(np.sum(vectors * expected, axis=1) / lengths))


def _exact(texts: list[str]) -> np.ndarray:
    """The vectors of the network in fp32, each text alone."""
    folder = minilm.package_folder()
    session = onnxruntime.InferenceSession(minilm.build(folder).SerializeToString())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    rows = [np.array([encoding.ids]) for encoding in tokenizer.encode_batch(texts)]
    return np.vstack(
        [session.run(None, {"input_ids": row, "attention_mask": np.ones_like(row)})[0] for row in rows]
    )


def _paces(kind: str, python: Path, folder: Path, job: str) -> Figures:
    """Rate and CPU time for each batch size, by `rate 8` and `cpu 8`."""
    result = work(kind, python, folder, job)
    rates = {f"rate {batch}": value for batch, value in result["rates"].items()}
    return rates | {f"cpu {batch}": value for batch, value in result["cpu_ms"].items()}


def _row(batch: int, name: str, rounds: list[dict[str, Figures]]) -> dict[str, object]:
    return {
        "batch": batch,
        "encoder": name + _version(name),
        "sentences/s": round(median(rounds, name, f"rate {batch}")),
        "CPU ms": round(median(rounds, name, f"cpu {batch}"), 2),
        "Signalbox's sentences/s over its": ""
        if name == OURS
        else spread(ratios(rounds, f"rate {batch}", OURS, name)),
        "its CPU over Signalbox's": ""
        if name == OURS
        else spread(ratios(rounds, f"cpu {batch}", name, OURS)),
    }


def _version(name: str) -> str:
    if name in LLAMA:
        return f" (xllamacpp {version('xllamacpp')})"
    return f" {PEERS[name].version}" if name in PEERS else ""
