"""Logistic regression and TF-IDF give what scikit-learn gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pipelines.logistic import Logistic, Standardized, Terms

WORDS = ("Stuhl", "stuhl", "nötig", "a", "no", "ground_truth", "3", "42", "don't", "straße")
texts = st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), min_size=4, max_size=9)
WIDTH = 3


@given(texts, texts)
def test_terms_are_those_of_scikit_learn(learned, others):
    learned = [*learned, "a word more"]
    reference = TfidfVectorizer(ngram_range=(1, 2)).fit(learned)
    rows = Terms(learned).rows([*learned, *others]).toarray()
    np.testing.assert_allclose(rows, reference.transform([*learned, *others]).toarray(), atol=1e-12)


def test_texts_without_a_word_have_no_terms():
    assert Terms(["a", "b"]).rows(["a", "word"]).shape == (2, 0)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=8))
def test_standardized_numbers_are_those_of_scikit_learn(numbers):
    column = np.array(numbers, dtype=np.float64)[:, None]
    expected = StandardScaler().fit(column).transform(column)
    np.testing.assert_allclose(Standardized(numbers).rows(numbers), expected, atol=1e-9)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize(("regularization", "iterations"), [(1.0, 100), (10.0, 1000)])
def test_probabilities_are_those_of_scikit_learn(classes, regularization, iterations):
    rng = np.random.default_rng(classes)
    codes = (
        np.concatenate([np.arange(classes), rng.integers(0, classes, 40)]) * 2
    )  # codes need not be in a row
    features = rng.normal(size=(len(codes), WIDTH)) + codes[:, None] / classes
    reference = LogisticRegression(C=regularization, max_iter=iterations).fit(features, codes)
    classifier = Logistic(regularization, iterations).fit(features, codes)
    assert classifier.classes_.tolist() == reference.classes_.tolist()
    others = rng.normal(size=(20, WIDTH))
    expected = reference.predict_proba(others)
    np.testing.assert_allclose(classifier.predict_proba(others), expected, atol=1e-9)


def test_one_class_cannot_be_learned():
    with pytest.raises(ValueError, match="needs two classes or more"):
        Logistic().fit(np.zeros((3, 1)), np.array([1, 1, 1]))
