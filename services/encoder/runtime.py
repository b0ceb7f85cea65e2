"""The encoder at run time: tokenizer, ONNX session, head. No torch, no scikit-learn."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from services.encoder.releases import release_folder
from signalbox.contracts.record import ModelRelease
from signalbox.errors import SetupError

MAX_TOKENS = 256  # as in the model's training; longer inputs are truncated
Vector = NDArray[np.float64]


class Head(Protocol):
    """Computes p(yes) from texts."""

    def p_yes(self, texts: Sequence[str]) -> Vector:
        """Shape [n], each in [0, 1]."""
        ...


class Embedder:
    """Sentence embeddings, float32 [n, hidden], L2-normalised."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            folder / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts in one batch."""
        rows = self._tokenizer.encode_batch(list(texts))
        feed = {
            "input_ids": np.array([row.ids for row in rows], dtype=np.int64),
            "attention_mask": np.array([row.attention_mask for row in rows], dtype=np.int64),
        }
        embeddings: NDArray[np.float32] = self._session.run(None, feed)[0]
        return embeddings


class EmbeddingHead:
    """Logistic regression on the embedding."""

    def __init__(self, spec: dict[str, object], embedder: Embedder) -> None:
        self._weights = np.asarray(spec["weights"], dtype=np.float64)
        self._bias = float(str(spec["bias"]))
        self._embedder = embedder

    def p_yes(self, texts: Sequence[str]) -> Vector:
        """Sigmoid of the linear score."""
        return sigmoid(self._embedder.embed(texts) @ self._weights + self._bias)


class TfidfHead:
    """Logistic regression on TF-IDF of words and word pairs, as scikit-learn computes it (its defaults)."""

    def __init__(self, spec: dict[str, object]) -> None:
        self._index = {term: i for i, term in enumerate(_strings(spec["terms"]))}
        self._idf = np.asarray(spec["idf"], dtype=np.float64)
        self._weights = np.asarray(spec["weights"], dtype=np.float64)
        self._bias = float(str(spec["bias"]))

    def p_yes(self, texts: Sequence[str]) -> Vector:
        """Sigmoid of the linear score."""
        return sigmoid(np.array([self._score(text) for text in texts]))

    def _score(self, text: str) -> float:
        counts = Counter(term for term in terms(text) if term in self._index)
        columns = [self._index[term] for term in counts]
        values = np.array([*counts.values()], dtype=np.float64) * self._idf[columns]
        norm = np.linalg.norm(values)
        return self._bias + (float(values @ self._weights[columns] / norm) if norm else 0.0)


def terms(text: str) -> list[str]:
    """Words of two or more word characters, lower case, and pairs of neighbours (scikit-learn's default)."""
    words = re.findall(r"(?u)\b\w\w+\b", text.lower())
    return [*words, *(f"{first} {second}" for first, second in pairwise(words))]


def sigmoid(score: Vector) -> Vector:
    """1 / (1 + e^-x) without overflow."""
    return np.where(score >= 0, 1 / (1 + np.exp(-np.abs(score))), 1 - 1 / (1 + np.exp(-np.abs(score))))


class Encoder:
    """A release folder, or the newest of a folder of releases, loaded."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        folder = release_folder(folder)
        release = json.loads((folder / "release.json").read_text(encoding="utf-8"))
        head = json.loads((folder / "head.json").read_text(encoding="utf-8"))
        self.release = ModelRelease.model_validate(release["release"])
        self.task: str = release["task"]
        self._head: Head = (
            TfidfHead(head)
            if head["kind"] == "tfidf-logistic"
            else EmbeddingHead(head, Embedder(folder, threads))
        )
        self.p_yes(["warm up"])

    def p_yes(self, texts: Sequence[str]) -> list[float]:
        """p(yes) of each text."""
        return [float(p) for p in self._head.p_yes(texts)]


def _strings(value: object) -> list[str]:
    if not isinstance(value, list):
        raise SetupError("head.json: terms is not a list.", hint="Train again with `signalbox train`.")
    return [str(item) for item in value]
