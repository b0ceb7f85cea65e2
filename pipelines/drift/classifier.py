"""Domain classifier: current texts against the reference, out of fold, with a permutation null. Pure functions.

The classifier is ridge regression on TF-IDF: its out-of-fold scores are linear in the labels, so that one matrix
gives the scores of every permutation. A test with another classifier would have to be trained thousands of times.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import rankdata

from pipelines.statistics.resampling import sequential_p_value
from pipelines.statistics.two_sample import FEWEST_RESAMPLES, Outcome

FOLDS = 5
# Scripts that put no space between words: each character is a term, and pairs of them follow as pairs of terms.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff"
# Other words as a whole; scikit-learn leaves out those of one character by default.
WORD = rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+"
_WORD = re.compile(WORD)
FEWEST_SHARED_TERMS = 5
PENALTY = 1.0  # of the ridge; rows of TF-IDF have length 1
_PERMUTATIONS_AT_ONCE = 250  # a matrix of 2,000 rows by these takes 4 MB
_DIGITS = 10  # equal texts have equal scores only up to rounding

Floats = NDArray[np.float64]


def domain_classifier(
    reference: Sequence[str], current: Sequence[str], *, resamples: int = FEWEST_RESAMPLES, seed: int = 0
) -> Outcome | None:
    """Area under the curve of "is it current?", out of fold; ½ is chance.

    The area is counted within each fold (Mann & Whitney 1947), so that no fold's own mean enters. p-value: labels are
    permuted within folds, one-sided. It is valid at any sizes, because without drift the texts are exchangeable, and
    only the labels depend on the window. None where the texts share fewer than FEWEST_SHARED_TERMS terms, as texts
    without words do: no classifier can learn from those. ValueError for fewer than FOLDS texts on a side.
    """
    for name, texts in (("reference", reference), ("current", current)):
        if len(texts) < FOLDS:
            raise ValueError(f"{name}: got {len(texts)} texts, needs at least {FOLDS}")
    if shared_terms([*reference, *current]) < FEWEST_SHARED_TERMS:
        return None
    rng = np.random.default_rng(seed)
    kernel = text_kernel([*reference, *current])
    labels = np.array([0.0] * len(reference) + [1.0] * len(current))
    folds = stratified_folds(labels, int(rng.integers(2**31)))
    operator = out_of_fold(kernel, folds)
    (observed,) = _areas(operator, labels[:, None], folds)

    def draw(count: int) -> Floats:
        return _areas(operator, _permuted(labels, folds, count, rng), folds)

    p_value = sequential_p_value(draw, float(observed), resamples, _PERMUTATIONS_AT_ONCE)
    return Outcome("domain classifier", "area_under_curve", float(observed), None, p_value)


def shared_terms(texts: Sequence[str]) -> int:
    """Terms that at least two texts have."""
    rows = _terms(texts)
    return 0 if rows is None else int((np.bincount(rows.indices, minlength=rows.shape[1]) >= 2).sum())


def text_kernel(texts: Sequence[str]) -> Floats:
    """Cosine of TF-IDF over words and pairs of words, (n, n): no stop words, so that a "not" counts."""
    rows = _terms(texts)
    if rows is None:
        return np.zeros((len(texts), len(texts)))
    return np.asarray((rows @ rows.T).toarray(), dtype=np.float64)


def _terms(texts: Sequence[str]) -> csr_matrix | None:
    """TF-IDF with 1 + log of the count and smoothed frequencies, rows of length 1, (n, terms); None where no text has a word.

    The values of scikit-learn's TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), without its import: that takes
    100 MiB and seconds.
    """
    places: defaultdict[str, int] = defaultdict(lambda: len(places))
    indices: list[int] = []
    data: list[float] = []
    bounds = [0]
    for text in texts:
        words = _WORD.findall(text.lower())
        counts = Counter([*words, *map(" ".join, pairwise(words))])
        indices += [places[term] for term in counts]
        data += [1.0 + math.log(count) for count in counts.values()]
        bounds.append(len(indices))
    if not places:
        return None
    frequency = np.bincount(indices, minlength=len(places))
    rows = csr_matrix((data, indices, bounds), shape=(len(texts), len(places)))
    rows.data *= (np.log((1 + len(texts)) / (1 + frequency)) + 1)[rows.indices]
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    rows.data /= np.repeat(lengths, np.diff(rows.indptr))
    return rows


def stratified_folds(labels: Floats, seed: int) -> list[NDArray[np.intp]]:
    """Rows of each of FOLDS folds with equal shares of both labels: those of scikit-learn's StratifiedKFold, shuffled."""
    rng = np.random.RandomState(seed)
    ordered, fold_of = np.sort(labels), np.empty(len(labels), dtype=np.intp)
    for label in np.unique(labels):
        sizes = [int((ordered[first::FOLDS] == label).sum()) for first in range(FOLDS)]
        folds = np.repeat(np.arange(FOLDS), sizes)
        rng.shuffle(folds)
        fold_of[labels == label] = folds
    return [np.flatnonzero(fold_of == fold) for fold in range(FOLDS)]


def out_of_fold(kernel: Floats, folds: Sequence[NDArray[np.intp]]) -> Floats:
    """Matrix (n, n) that maps labels to out-of-fold scores of ridge regression (dual form, Saunders et al. 1998).

    Each fold's rows are scored by the other folds' labels: kernel, centered by the rows trained on, times the inverse.
    """
    operator = np.zeros_like(kernel)
    for held_out in folds:
        train = np.setdiff1d(np.arange(len(kernel)), held_out)
        inner, outer = kernel[np.ix_(train, train)], kernel[np.ix_(held_out, train)]
        mean = inner.mean(axis=0)
        outer -= mean
        outer -= outer.mean(axis=1, keepdims=True)
        # In place: each copy takes 20 MiB.
        inner -= mean
        inner -= mean[:, None]
        inner += mean.mean()
        inner[np.diag_indices_from(inner)] += PENALTY
        weights = np.linalg.solve(inner, outer.T).T
        operator[np.ix_(held_out, train)] = weights
    return operator


def _permuted(
    labels: Floats, folds: Sequence[NDArray[np.intp]], count: int, rng: np.random.Generator
) -> Floats:
    """Labels permuted within folds, (n, count)."""
    columns = np.empty((len(labels), count))
    for held_out in folds:
        columns[held_out] = rng.permuted(np.tile(labels[held_out, None], count), axis=0)
    return columns


def _areas(operator: Floats, labels: Floats, folds: Sequence[NDArray[np.intp]]) -> Floats:
    """Area under the curve for each column of labels: pairs in the right order, over all pairs within a fold."""
    scores = np.round(operator @ labels, _DIGITS)
    right, pairs = np.zeros(labels.shape[1]), 0.0
    for held_out in folds:
        here = labels[held_out]
        positives = float(here[:, 0].sum())
        ranks = rankdata(scores[held_out], axis=0)
        right += (ranks * here).sum(axis=0) - positives * (positives + 1) / 2
        pairs += positives * (len(held_out) - positives)
    return right / pairs
