"""Baselines that every model is compared with: majority, length, TF-IDF.

`python -m pipelines.baselines tasks/medical` prints what they reach on the test split.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from signalbox.contracts.record import LabeledText
from signalbox.errors import InputError
from signalbox.tasks import load_data, load_task


class Baseline(Protocol):
    """Learns from texts and labels (True: yes)."""

    def fit(self, texts: Sequence[str], labels: Sequence[bool]) -> Self: ...

    def predict_p_yes(self, texts: Sequence[str]) -> list[float]:
        """p(yes) of each text."""
        ...


class Majority:
    """The share of yes in the training rows; a tie is a yes."""

    def fit(self, texts: Sequence[str], labels: Sequence[bool]) -> Self:  # noqa: ARG002
        self._share = sum(labels) / len(labels)
        return self

    def predict_p_yes(self, texts: Sequence[str]) -> list[float]:
        return [self._share] * len(texts)


class Length:
    """Logistic regression on the number of characters."""

    def __init__(self) -> None:
        self._pipeline = make_pipeline(FunctionTransformer(_lengths), StandardScaler(), LogisticRegression())

    def fit(self, texts: Sequence[str], labels: Sequence[bool]) -> Self:
        self._pipeline.fit(list(texts), list(labels))
        return self

    def predict_p_yes(self, texts: Sequence[str]) -> list[float]:
        return [float(p) for p in self._pipeline.predict_proba(list(texts))[:, 1]]


class Tfidf:
    """Logistic regression on TF-IDF of words and word pairs."""

    def __init__(self, regularization: float = 10.0) -> None:
        self.vectorizer = TfidfVectorizer(ngram_range=(1, 2))
        self.classifier = LogisticRegression(C=regularization, max_iter=1000)

    def fit(self, texts: Sequence[str], labels: Sequence[bool]) -> Self:
        self.classifier.fit(self.vectorizer.fit_transform(texts), list(labels))
        return self

    def predict_p_yes(self, texts: Sequence[str]) -> list[float]:
        return [float(p) for p in self.classifier.predict_proba(self.vectorizer.transform(texts))[:, 1]]


BASELINES: dict[str, Callable[[], Baseline]] = {"majority": Majority, "length": Length, "tfidf": Tfidf}


def check_learnable(few_shot: Sequence[LabeledText], languages: Collection[str]) -> None:
    """InputError where a language has only one label to learn from."""
    for language in sorted(languages):
        labels = sorted({row.label for row in few_shot if row.language == language})
        if len(labels) < 2:
            hint = "The baselines learn from it: add rows of yes and no in every language of the test split."
            raise InputError("few-shot", f"{language}: {', '.join(labels) or 'no rows'}", hint)


def accuracy(baseline: Baseline, train: Sequence[LabeledText], test: Sequence[LabeledText]) -> float:
    """Accuracy on `test` after learning from `train`."""
    baseline.fit([row.text for row in train], [row.label == "yes" for row in train])
    p_yes = baseline.predict_p_yes([row.text for row in test])
    return float(np.mean([(p >= 0.5) == (row.label == "yes") for p, row in zip(p_yes, test, strict=True)]))


def _lengths(texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array([[len(text)] for text in texts], dtype=np.float64)


def main(folder: Path) -> None:
    """Print counts and the accuracy of the baselines per language, trained on few-shot and on calibration."""
    task = load_task(folder)
    rows = load_data(task)
    table = Table("language", "trained on", "rows", "test rows", *BASELINES, "mean characters yes/no")
    for language in sorted(task.languages):
        here = [row for row in rows if row.language == language]
        test = [row for row in here if row.split == "test"]
        means = [np.mean([len(row.text) for row in test if row.label == label]) for label in ("yes", "no")]
        for split in ("few-shot", "calibration"):
            train = [row for row in here if row.split == split]
            scores = [f"{accuracy(make(), train, test):.2f}" for make in BASELINES.values()]
            lengths = f"{means[0]:.0f}/{means[1]:.0f}"
            table.add_row(language, split, str(len(train)), str(len(test)), *scores, lengths)
    Console().print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
