"""Logistic regressions on features of a text, by scikit-learn. Its import takes a second, so callers import this where they fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from pipelines.classes import Floats


def length() -> Pipeline:
    """On the number of characters."""
    return make_pipeline(FunctionTransformer(_lengths), StandardScaler(), LogisticRegression())


def tfidf(regularization: float = 10.0) -> Pipeline:
    """On TF-IDF of words and word pairs."""
    return make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=regularization, max_iter=1000)
    )


def _lengths(texts: Sequence[str]) -> Floats:
    return np.array([[len(text)] for text in texts], dtype=np.float64)
