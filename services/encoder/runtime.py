"""The encoder at run time: tokenizer, ONNX session, head. No torch, no scikit-learn."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from services.encoder.batches import batches
from services.encoder.releases import release_folder
from signalbox.contracts.encoders import (
    DISABLED_OPTIMIZERS,
    INDEPENDENT_ROWS,
    MAX_TOKENS,
    SentenceEncoder,
    encoder_of,
    networks_of,
)
from signalbox.contracts.labels import BINARY, YES
from signalbox.contracts.record import ModelRelease
from signalbox.errors import SetupError

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Labels:
    """The labels of a release in the order of its task. A head with one score gives that of the label `positive`."""

    names: tuple[str, ...] = BINARY
    positive: str = YES

    @classmethod
    def of_release(cls, release: Mapping[str, Any]) -> Self:
        """From `release.json`; a release of the first version has the labels yes and no, and does not name them."""
        if "labels" not in release:
            return cls()
        names = tuple(release["labels"])
        return cls(names, release.get("positive") or names[0])

    def probabilities(self, scores: Vector | Matrix) -> Matrix:
        """Shape [n, labels] from linear scores: [n] of the positive label of two, or [n, labels] in their order."""
        return softmax(scores) if scores.ndim == 2 else self._columns(sigmoid(scores))

    def check(self, weights: Matrix) -> None:
        """Raise SetupError where a head has not one row of weights a label, or the one of two labels."""
        rows, expected = np.atleast_2d(weights).shape[0], len(self.names)
        if rows != (expected if weights.ndim == 2 else 1) or (weights.ndim == 1 and expected != 2):
            raise SetupError(
                f"head.json has {rows} rows of weights, release.json has {expected} labels.",
                hint="Train again with `signalbox train`.",
            )

    def _columns(self, p_positive: Vector) -> Matrix:
        other = 1.0 - p_positive
        first = self.names[0] == self.positive
        return np.column_stack((p_positive, other) if first else (other, p_positive))


class Head(Protocol):
    """Computes the probabilities of the labels from texts."""

    def read(self, texts: Sequence[str]) -> tuple[Matrix, list[bool]]:
        """Probabilities [n, labels], whose rows sum to 1, and for each text whether its end was not read."""
        ...


class Embedder(Protocol):
    """Computes vectors of texts."""

    def read(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[bool]]:
        """Vectors [n, dimension], and for each text whether it has more tokens than were read."""
        ...


class NetworkEmbedder:
    """Sentence embeddings of one network of a release, rows of length 1. Raises SetupError without its files."""

    def __init__(self, folder: Path, network: SentenceEncoder, threads: int = 1) -> None:
        for name in (network.model, network.tokenizer):
            if not (folder / name).is_file():
                raise SetupError(
                    f"{folder} is not a trained release: {folder / name} of {network.title} is missing.",
                    hint="Run `signalbox train`.",
                )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            folder / network.model,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=list(DISABLED_OPTIMIZERS),
        )
        self._tokenizer = Tokenizer.from_file(str(folder / network.tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._dimension = network.dimension
        # With dynamic quantization, as in older files, the others of a batch change the vector of a text.
        properties = self._session.get_modelmeta().custom_metadata_map
        self._tokens = network.tokens if properties.items() >= INDEPENDENT_ROWS.items() else 1

    def read(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[bool]]:
        """Embed texts in batches of similar length; a vector does not depend on the other texts."""
        encodings = self._tokenizer.encode_batch_fast(list(texts))
        rows = [encoding.ids for encoding in encodings]
        vectors = np.empty((len(rows), self._dimension), dtype=np.float32)
        for positions in batches([len(row) for row in rows], self._tokens):
            vectors[positions] = self._embed([rows[position] for position in positions])
        return vectors, cut_off(encodings)

    def _embed(self, rows: Sequence[list[int]]) -> NDArray[np.float32]:
        ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        embeddings: NDArray[np.float32] = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[
            0
        ]
        return embeddings


def cut_off(encodings: Sequence[Encoding]) -> list[bool]:
    """For each text whether the tokenizer, which truncates at MAX_TOKENS, did so.

    The length of a text says nothing of it: a normalizer makes up to 18 characters of one, such as of \ufdfa.
    """
    return [len(encoding) >= MAX_TOKENS and bool(encoding.overflowing) for encoding in encodings]


class JoinedEmbedder:
    """The vectors of several networks side by side."""

    def __init__(self, embedders: Sequence[Embedder]) -> None:
        self._embedders = embedders

    def read(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[bool]]:
        """Vectors of each network, in the order of the release; one that does not read the end is enough."""
        vectors, columns = zip(*(embedder.read(texts) for embedder in self._embedders), strict=True)
        return np.hstack(vectors), [any(row) for row in zip(*columns, strict=True)]


class EmbeddingHead:
    """Logistic regression on the embedding."""

    def __init__(self, spec: dict[str, object], embedder: Embedder, labels: Labels) -> None:
        self._labels = labels
        self._weights, self._bias = _linear(spec, labels)
        self._embedder = embedder

    def read(self, texts: Sequence[str]) -> tuple[Matrix, list[bool]]:
        """From the linear scores; the end as the tokenizer of the embeddings has it."""
        vectors, are_cut_off = self._embedder.read(texts)
        return self._labels.probabilities(vectors @ self._weights.T + self._bias), are_cut_off


class TfidfHead:
    """Logistic regression on TF-IDF of words and word pairs, as scikit-learn computes it (its defaults)."""

    def __init__(self, spec: dict[str, object], labels: Labels) -> None:
        self._labels = labels
        self._index = {term: i for i, term in enumerate(_strings(spec["terms"]))}
        self._idf = np.asarray(spec["idf"], dtype=np.float64)
        self._weights, self._bias = _linear(spec, labels)

    def read(self, texts: Sequence[str]) -> tuple[Matrix, list[bool]]:
        """From the linear scores; all words count."""
        scores = np.array([self._score(text) for text in texts])
        return self._labels.probabilities(scores), [False] * len(texts)

    def _score(self, text: str) -> Vector:
        counts = Counter(term for term in terms(text) if term in self._index)
        columns = [self._index[term] for term in counts]
        values = np.array([*counts.values()], dtype=np.float64) * self._idf[columns]
        norm = np.linalg.norm(values)
        return self._bias + (self._weights[..., columns] @ values / norm if norm else 0.0)


def terms(text: str) -> list[str]:
    """Words of two or more word characters, lower case, and pairs of neighbours (scikit-learn's default)."""
    words = re.findall(r"(?u)\b\w\w+\b", text.lower())
    return [*words, *(f"{first} {second}" for first, second in pairwise(words))]


def sigmoid(score: Vector) -> Vector:
    """1 / (1 + e^-x) without overflow."""
    return np.where(score >= 0, 1 / (1 + np.exp(-np.abs(score))), 1 - 1 / (1 + np.exp(-np.abs(score))))


def softmax(scores: Matrix) -> Matrix:
    """Rows that sum to 1, without overflow."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


TextAnswer = tuple[dict[str, float], bool]


class Encoder:
    """A release folder, or the newest of a folder of releases, loaded."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        folder = release_folder(folder)
        release = json.loads((folder / "release.json").read_text(encoding="utf-8"))
        head = json.loads((folder / "head.json").read_text(encoding="utf-8"))
        self.release = ModelRelease.model_validate(release["release"])
        self.task: str = release["task"]
        self.labels = Labels.of_release(release)
        networks = networks_of(encoder_of(release, head))
        self._head: Head = (
            EmbeddingHead(head, embedder_of(folder, networks, threads), self.labels)
            if networks
            else TfidfHead(head, self.labels)
        )
        self.probabilities(["warm up"])

    def probabilities(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """The probabilities of each text, in the order of the release's labels."""
        return [row for row, _ in self.answers(texts)]

    def answers(self, texts: Sequence[str]) -> list[TextAnswer]:
        """For each text its probabilities, and whether its end was not read: then it can never be green."""
        rows, are_cut_off = self._head.read(texts)
        named = (dict(zip(self.labels.names, map(float, row), strict=True)) for row in rows)
        return list(zip(named, are_cut_off, strict=True))


def embedder_of(folder: Path, networks: Sequence[SentenceEncoder], threads: int = 1) -> Embedder:
    """The networks of a release folder, loaded. Raises SetupError where a file is missing."""
    embedders = [NetworkEmbedder(folder, network, threads) for network in networks]
    return embedders[0] if len(embedders) == 1 else JoinedEmbedder(embedders)


def _linear(spec: dict[str, object], labels: Labels) -> tuple[Matrix, Vector]:
    """Weights and bias of a head: one row for two labels, one for each of more."""
    weights, bias = (np.asarray(spec[name], dtype=np.float64) for name in ("weights", "bias"))
    labels.check(weights)
    return weights, bias


def _strings(value: object) -> list[str]:
    if not isinstance(value, list):
        raise SetupError("head.json: terms is not a list.", hint="Train again with `signalbox train`.")
    return [str(item) for item in value]
