"""Candidates for the encoder's head: how each is fitted, and how it is scored by cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from tokenizers import Tokenizer

from pipelines.baselines import Tfidf
from pipelines.train import minilm
from signalbox.contracts.record import LabeledText

FOLDS = 10
Vectors = NDArray[np.float32]
Predict = Callable[[Sequence[str]], list[float]]


@dataclass(frozen=True)
class Candidate:
    """A way to get from texts to p(yes). `kind` is that of `head.json`."""

    name: str
    kind: str
    regularization: float


CANDIDATES = (
    Candidate("embedding C=0.1", "embedding-logistic", 0.1),
    Candidate("embedding C=1", "embedding-logistic", 1.0),
    Candidate("embedding C=10", "embedding-logistic", 10.0),
    Candidate("tf-idf C=10", "tfidf-logistic", 10.0),
)


@dataclass(frozen=True)
class Score:
    """Out-of-fold result of one candidate."""

    candidate: Candidate
    accuracy: float
    log_loss: float


def embedder(model_path: Path, threads: int = 2) -> Callable[[Sequence[str]], Vectors]:
    """A function from n texts to [n, hidden]; one text at a time, as dynamic quantization makes a row depend on its batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model_path, options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(minilm.package_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)

    def embed(texts: Sequence[str]) -> Vectors:
        rows = []
        for encoding in tokenizer.encode_batch(list(texts)):
            ids = np.array([encoding.ids], dtype=np.int64)
            rows.append(session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0])
        return np.array(rows)

    return embed


def cross_validate(candidate: Candidate, rows: Sequence[LabeledText], vectors: dict[str, Vectors]) -> Score:
    """Out-of-fold accuracy and log loss; a family is in one fold."""
    families = [row.family for row in rows]
    labels = np.array([row.label == "yes" for row in rows])
    folds = GroupKFold(n_splits=min(FOLDS, len(set(families))), shuffle=True, random_state=0)
    p_yes = np.empty(len(rows))
    for train, test in folds.split(rows, labels, families):
        _, predict = fit_head(candidate, [rows[i] for i in train], vectors)
        p_yes[test] = predict([rows[i].text for i in test])
    loss = float(log_loss(labels, p_yes, labels=[False, True]))
    return Score(candidate, float(np.mean((p_yes >= 0.5) == labels)), loss)


def fit_head(
    candidate: Candidate, rows: Sequence[LabeledText], vectors: dict[str, Vectors]
) -> tuple[dict[str, Any], Predict]:
    """The content of `head.json`, and the same as a function from texts to p(yes)."""
    labels = [row.label == "yes" for row in rows]
    if candidate.kind == "tfidf-logistic":
        tfidf = Tfidf(candidate.regularization).fit(texts_of(rows), labels)
        head = {
            "kind": candidate.kind,
            "terms": tfidf.vectorizer.get_feature_names_out().tolist(),
            "idf": tfidf.vectorizer.idf_.tolist(),
            "weights": tfidf.classifier.coef_[0].tolist(),
            "bias": float(tfidf.classifier.intercept_[0]),
        }
        return head, tfidf.predict_p_yes
    classifier = LogisticRegression(C=candidate.regularization, max_iter=1000)
    classifier.fit(np.array([vectors[row.text] for row in rows]), labels)
    weights = {"weights": classifier.coef_[0].tolist(), "bias": float(classifier.intercept_[0])}

    def predict(texts: Sequence[str]) -> list[float]:
        return [float(p) for p in classifier.predict_proba(np.array([vectors[text] for text in texts]))[:, 1]]

    return {"kind": candidate.kind, **weights}, predict


def texts_of(rows: Sequence[LabeledText]) -> list[str]:
    return [row.text for row in rows]
