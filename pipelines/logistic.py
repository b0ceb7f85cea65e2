"""Logistic regression on TF-IDF or other features, as scikit-learn fits it, without its import: that takes seconds of CPU
time, more than all else that an evaluation computes.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import expit, softmax

Floats = NDArray[np.float64]

_WORD = re.compile(r"\b\w\w+\b")
_GRADIENT = 1e-4  # the largest that ends the search
_SOLVER = {"maxls": 50, "gtol": _GRADIENT, "ftol": 64 * np.finfo(float).eps}


class Terms:
    """TF-IDF of words and word pairs: smoothed frequencies, rows of length 1. A term that was not learned is left out."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [_terms_of(text) for text in texts]
        frequencies = Counter(term for row in counts for term in row)
        self._places = {term: place for place, term in enumerate(sorted(frequencies))}
        self._weights = [math.log((1 + len(texts)) / (1 + frequencies[term])) + 1 for term in self._places]

    def rows(self, texts: Sequence[str]) -> csr_matrix:
        """The features of texts [n, terms]."""
        indices: list[int] = []
        data: list[float] = []
        bounds = [0]
        for text in texts:
            places = {self._places[term]: n for term, n in _terms_of(text).items() if term in self._places}
            values = np.array([places[place] * self._weights[place] for place in sorted(places)])
            indices += sorted(places)
            data += list(values / math.sqrt(float(values @ values))) if places else []
            bounds.append(len(indices))
        return csr_matrix((data, indices, bounds), shape=(len(texts), len(self._places)))


class Standardized:
    """One number a text, with mean 0 and variance 1 over those that were learned."""

    def __init__(self, numbers: Sequence[float]) -> None:
        self._mean, self._deviation = float(np.mean(numbers)), float(np.std(numbers)) or 1.0

    def rows(self, numbers: Sequence[float]) -> Floats:
        """The feature [n, 1]."""
        return (np.array(numbers, dtype=np.float64)[:, None] - self._mean) / self._deviation


class Logistic:
    """A classifier with an L2 penalty of 1 / (2 `regularization`), the bias excepted.

    Its results are scikit-learn's, which names `classes_` and `predict_proba`: the same loss, solver and end of the search.
    """

    classes_: NDArray[np.int64]

    def __init__(self, regularization: float = 1.0, max_iterations: int = 100) -> None:
        self._regularization, self._max_iterations = regularization, max_iterations

    def fit(self, features: Any, codes: NDArray[np.int64]) -> Self:  # noqa: ANN401 - an array, or a sparse matrix
        """Learn from rows [n, features]. ValueError where there is one class only."""
        rows, width = features.shape
        self.classes_, targets = np.unique(codes, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"codes: got {self.classes_.tolist()}, needs two classes or more")
        scores = 1 if len(self.classes_) == 2 else len(self.classes_)
        result = minimize(
            _loss_of_two if scores == 1 else _loss_of_many,
            np.zeros(scores * (width + 1)),
            args=(features, targets, 1 / (self._regularization * rows)),
            method="L-BFGS-B",
            jac=True,
            options={"maxiter": self._max_iterations, **_SOLVER},
        )
        self._weights = result.x.reshape((scores, width + 1), order="F")
        return self

    def predict_proba(self, features: Any) -> Floats:  # noqa: ANN401 - an array, or a sparse matrix
        """Probabilities [n, classes], in the order of `classes_`."""
        scores = _scores(self._weights, features)
        if len(self.classes_) > 2:
            return np.asarray(softmax(scores, axis=1), dtype=np.float64)
        second = expit(scores)
        return np.hstack([1 - second, second])


def _terms_of(text: str) -> Counter[str]:
    words = _WORD.findall(text.lower())
    return Counter([*words, *map(" ".join, pairwise(words))])


def _scores(weights: Floats, features: Any) -> Floats:  # noqa: ANN401 - an array, or a sparse matrix
    return np.asarray(features @ weights[:, :-1].T + weights[:, -1], dtype=np.float64)


def _loss_of_two(
    parameters: Floats,
    features: Any,  # noqa: ANN401 - an array, or a sparse matrix
    targets: NDArray[np.int64],
    penalty: float,
) -> tuple[float, Floats]:
    """Mean loss of two classes, and its gradient."""
    weights = parameters[:-1]
    scores = features @ weights + parameters[-1]
    loss = float(np.mean(np.logaddexp(0, scores) - targets * scores))
    slopes = (expit(scores) - targets) / len(targets)
    gradient = np.append(features.T @ slopes + penalty * weights, slopes.sum())
    return loss + penalty / 2 * float(weights @ weights), gradient


def _loss_of_many(
    parameters: Floats,
    features: Any,  # noqa: ANN401 - an array, or a sparse matrix
    targets: NDArray[np.int64],
    penalty: float,
) -> tuple[float, Floats]:
    """Mean loss of three classes or more, and its gradient."""
    by_class = parameters.reshape((-1, features.shape[1] + 1), order="F")
    scores, places = _scores(by_class, features), np.arange(len(targets))
    highest = scores.max(axis=1)
    sums = highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1))
    loss = float(np.mean(sums - scores[places, targets]))
    slopes = softmax(scores, axis=1)
    slopes[places, targets] -= 1
    slopes /= len(targets)
    gradient = np.hstack([(features.T @ slopes).T + penalty * by_class[:, :-1], slopes.sum(axis=0)[:, None]])
    return loss + penalty / 2 * float((by_class[:, :-1] ** 2).sum()), gradient.ravel(order="F")
