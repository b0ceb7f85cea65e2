"""Candidates for the encoder: how the head of each is fitted. The encoder and the regularization are chosen together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from pipelines.classes import Classes, Floats
from pipelines.classifiers import tfidf
from pipelines.train.encoders import WITH_VECTORS, Vectors, load_encoder
from signalbox.contracts.encoders import ENCODERS
from signalbox.contracts.labels import Label, LabelProbabilities, listed
from signalbox.contracts.record import LabeledText
from signalbox.errors import InputError

# Families of each label: with one, the fold that holds it out has no row of the label to learn from.
FEWEST_FAMILIES = 2
# Inverse strengths. Below 1, ten labels give p = .50 for everything; above 10, heads of them are overconfident
# (docs/log.md).
REGULARIZATIONS = (1.0, 3.0, 10.0)
Predict = Callable[[Sequence[str]], list[LabelProbabilities]]
# Encoder → text → its vector [dimension].
TextVectors = Mapping[str, Mapping[str, Vectors]]


@dataclass(frozen=True)
class Candidate:
    """A way to get from texts to probabilities. `encoder` is that of `release.json`, the kind that of `head.json`."""

    encoder: str
    regularization: float

    @property
    def name(self) -> str:
        """E.g. `use C=10`."""
        return f"{self.encoder} C={self.regularization:g}"

    @property
    def kind(self) -> str:
        """The kind of head."""
        return "embedding-logistic" if ENCODERS[self.encoder] else "tfidf-logistic"


def candidates_of(encoders: Sequence[str]) -> tuple[Candidate, ...]:
    """Every encoder with every regularization."""
    return tuple(Candidate(name, strength) for name in encoders for strength in REGULARIZATIONS)


CANDIDATES = candidates_of(tuple(ENCODERS))


def vectors_of(texts: Sequence[str], cache_dir: Path) -> TextVectors:
    """The vectors of texts by every encoder that has any; each network embeds a text once."""
    unique = list(dict.fromkeys(texts))
    networks = {network for name in WITH_VECTORS for network in ENCODERS[name]}
    single = {name: load_encoder(name, cache_dir).embed(unique) for name in sorted(networks)}
    joined = {name: np.hstack([single[network] for network in ENCODERS[name]]) for name in WITH_VECTORS}
    return {name: dict(zip(unique, rows, strict=True)) for name, rows in joined.items()}


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


@dataclass(frozen=True)
class Head:
    """A fitted head: its file, and its probabilities [n, classes]."""

    content: dict[str, Any]
    by_code: Callable[[Sequence[str]], Floats]


def fit_head(
    candidate: Candidate, classes: Classes, rows: Sequence[LabeledText], vectors: TextVectors
) -> tuple[dict[str, Any], Predict]:
    """The content of `head.json`, and the same as a function from texts to probabilities.

    Two labels have one row of weights, for the positive one. More have a row each, in the order of the task.
    """
    head = fit(candidate, classes, rows, vectors)
    return head.content, lambda texts: classes.named(head.by_code(texts))


def fit(candidate: Candidate, classes: Classes, rows: Sequence[LabeledText], vectors: TextVectors) -> Head:
    """The head of a candidate after learning from rows of two labels or more."""
    labels = [row.label for row in rows]
    if candidate.kind == "tfidf-logistic":
        return _fit_tfidf(candidate, classes, texts_of(rows), labels)
    by_text = vectors[candidate.encoder]
    classifier = LogisticRegression(C=candidate.regularization, max_iter=1000)
    classifier.fit(np.array([by_text[row.text] for row in rows]), classes.codes(labels))

    def by_code(texts: Sequence[str]) -> Floats:
        return classes.by_code(classifier, np.array([by_text[text] for text in texts]))

    return Head({"kind": candidate.kind, **_weights(classifier)}, by_code)


def _fit_tfidf(candidate: Candidate, classes: Classes, texts: Sequence[str], labels: Sequence[Label]) -> Head:
    pipeline = tfidf(candidate.regularization).fit(list(texts), classes.codes(labels))
    vectorizer, classifier = pipeline[0], pipeline[-1]
    terms = {"terms": vectorizer.get_feature_names_out().tolist(), "idf": vectorizer.idf_.tolist()}
    content = {"kind": candidate.kind, **terms, **_weights(classifier)}
    return Head(content, lambda some: classes.by_code(pipeline, list(some)))


def _weights(classifier: LogisticRegression) -> dict[str, Any]:
    weights, bias = classifier.coef_, classifier.intercept_
    if len(weights) == 1:
        return {"weights": weights[0].tolist(), "bias": float(bias[0])}
    return {"weights": weights.tolist(), "bias": bias.tolist()}


def texts_of(rows: Sequence[LabeledText]) -> list[str]:
    return [row.text for row in rows]
