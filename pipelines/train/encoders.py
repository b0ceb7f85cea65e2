"""Sentence encoders for training: `load_encoder(NAME, cache_dir).embed(texts)`, and their files for a release.

The names are those of `signalbox.contracts.encoders.ENCODERS`, without `tfidf`, which has no vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from pipelines.train import minilm, use
from signalbox import cpus
from signalbox.contracts.encoders import DISABLED_OPTIMIZERS, ENCODERS, MAX_TOKENS, NETWORKS, networks_of

Vectors = NDArray[np.float32]
# Network → its ONNX graph and its tokenizer, built in the cache where they are missing.
_FILES: Mapping[str, Callable[[Path], tuple[Path, Path]]] = {
    "minilm": lambda cache_dir: (minilm.ensure_onnx(cache_dir), minilm.package_folder() / "tokenizer.json"),
    "use": use.ensure_files,
}
WITH_VECTORS = tuple(name for name, networks in ENCODERS.items() if networks)


class Encoder(Protocol):
    """Computes vectors of texts. `name` is that of a release, `dimension` the length of a vector."""

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of n texts, float32 [n, dimension]. The same text has the same vector in any company."""
        ...


@dataclass(frozen=True)
class _Networks:
    """The vectors of one or more networks side by side."""

    name: str
    dimension: int
    _networks: tuple[Callable[[str], Vectors], ...]

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = [np.concatenate([network(text) for network in self._networks]) for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(rows), self.dimension)


def load_encoder(name: str, cache_dir: Path, threads: int = 2) -> Encoder:
    """The encoder of that name of `WITH_VECTORS`. Raises SetupError for another name, or without its weights."""
    dimension = sum(network.dimension for network in networks_of(name))
    networks = tuple(_network(*_FILES[network](cache_dir), threads) for network in ENCODERS[name])
    return _Networks(name, dimension, networks)


def release_files(name: str, cache_dir: Path) -> dict[str, Path]:
    """Name in a release folder → the file to copy there, for all networks of an encoder."""
    files: dict[str, Path] = {}
    for network in ENCODERS[name]:
        names = (NETWORKS[network].model, NETWORKS[network].tokenizer)
        files |= dict(zip(names, _FILES[network](cache_dir), strict=True))
    return files


def _network(model: Path, tokenizer_file: Path, threads: int) -> Callable[[str], Vectors]:
    """One text at a time: fits are no hot path, and equal inputs give equal bits."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cpus.threads(threads, cpus.usable_cpus())
    # A thread that waits by spinning takes the CPU from the others where there are fewer CPUs than threads.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"], disabled_optimizers=list(DISABLED_OPTIMIZERS)
    )
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)

    def embed(text: str) -> Vectors:
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        vector: Vectors = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
        return vector

    return embed
