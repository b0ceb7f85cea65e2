"""Candidates for the encoder's head: how each is fitted, and how it is scored by cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold

from pipelines.baselines import Tfidf
from pipelines.classes import Classes, Floats
from pipelines.train.encoders import Vectors
from signalbox.contracts.labels import LabelProbabilities, listed, ranking
from signalbox.contracts.record import LabeledText
from signalbox.errors import InputError

FOLDS = 10
# Families of each label: with one, the fold that holds it out has no row of the label to learn from.
FEWEST_FAMILIES = 2
Predict = Callable[[Sequence[str]], list[LabelProbabilities]]


@dataclass(frozen=True)
class Candidate:
    """A way to get from texts to probabilities. `kind` is that of `head.json`, `encoder` that of `release.json`."""

    name: str
    kind: str
    regularization: float
    encoder: str = "minilm"


CANDIDATES = (
    Candidate("embedding C=0.1", "embedding-logistic", 0.1),
    Candidate("embedding C=1", "embedding-logistic", 1.0),
    Candidate("embedding C=10", "embedding-logistic", 10.0),
    Candidate("tf-idf C=10", "tfidf-logistic", 10.0, "tfidf"),
)


@dataclass(frozen=True)
class Score:
    """Out-of-fold result of one candidate."""

    candidate: Candidate
    accuracy: float
    log_loss: float


def check_families(classes: Classes, rows: Sequence[LabeledText]) -> None:
    """InputError for labels with too few families to learn from and to hold out."""
    families = {label: {row.family for row in rows if row.label == label} for label in classes.labels}
    few = {label: len(here) for label, here in families.items() if len(here) < FEWEST_FAMILIES}
    if few:
        counts = ", ".join(f"{label}: {count}" for label, count in few.items())
        raise InputError(
            "families to train on",
            counts,
            f"Each label needs rows of at least {FEWEST_FAMILIES} families. Add few-shot rows or feedback for "
            f"{listed(few)}.",
        )


def cross_validate(
    candidate: Candidate, classes: Classes, rows: Sequence[LabeledText], vectors: dict[str, Vectors]
) -> Score:
    """Out-of-fold accuracy and log loss; a family is in one fold."""
    families = [row.family for row in rows]
    codes = classes.codes([row.label for row in rows])
    folds = GroupKFold(n_splits=min(FOLDS, len(set(families))), shuffle=True, random_state=0)
    by_code = np.zeros((len(rows), len(classes.labels)))
    for train, test in folds.split(rows, codes, families):
        if len(set(codes[train])) == 1:  # nothing to tell apart: a classifier would not fit
            by_code[test, codes[train][0]] = 1.0
            continue
        head = _fit(candidate, classes, [rows[i] for i in train], vectors)
        by_code[test] = head.by_code([rows[i].text for i in test])
    loss = float(log_loss(codes, by_code, labels=range(len(classes.labels))))
    verdicts = [ranking(row)[0] for row in classes.named(by_code)]
    right = [verdict == row.label for verdict, row in zip(verdicts, rows, strict=True)]
    return Score(candidate, float(np.mean(right)), loss)


def fit_head(
    candidate: Candidate, classes: Classes, rows: Sequence[LabeledText], vectors: dict[str, Vectors]
) -> tuple[dict[str, Any], Predict]:
    """The content of `head.json`, and the same as a function from texts to probabilities.

    Two labels have one row of weights, for the positive one. More have a row each, in the order of the task.
    """
    head = _fit(candidate, classes, rows, vectors)
    return head.content, lambda texts: classes.named(head.by_code(texts))


@dataclass(frozen=True)
class _Head:
    """A fitted head: its file, and its probabilities [n, classes]."""

    content: dict[str, Any]
    by_code: Callable[[Sequence[str]], Floats]


def _fit(
    candidate: Candidate, classes: Classes, rows: Sequence[LabeledText], vectors: dict[str, Vectors]
) -> _Head:
    if candidate.kind == "tfidf-logistic":
        tfidf = Tfidf(classes, candidate.regularization).fit(texts_of(rows), [row.label for row in rows])
        terms = {
            "terms": tfidf.vectorizer.get_feature_names_out().tolist(),
            "idf": tfidf.vectorizer.idf_.tolist(),
        }
        return _Head({"kind": candidate.kind, **terms, **_weights(tfidf.classifier)}, tfidf.by_code)
    classifier = LogisticRegression(C=candidate.regularization, max_iter=1000)
    classifier.fit(np.array([vectors[row.text] for row in rows]), classes.codes([row.label for row in rows]))

    def by_code(texts: Sequence[str]) -> Floats:
        return classes.by_code(classifier, np.array([vectors[text] for text in texts]))

    return _Head({"kind": candidate.kind, **_weights(classifier)}, by_code)


def _weights(classifier: LogisticRegression) -> dict[str, Any]:
    weights, bias = classifier.coef_, classifier.intercept_
    if len(weights) == 1:
        return {"weights": weights[0].tolist(), "bias": float(bias[0])}
    return {"weights": weights.tolist(), "bias": bias.tolist()}


def texts_of(rows: Sequence[LabeledText]) -> list[str]:
    return [row.text for row in rows]
