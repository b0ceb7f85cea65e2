"""The classifier on texts against scikit-learn, and its level and power."""

import random

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from pipelines.drift import classifier as module
from pipelines.drift.classifier import (
    FOLDS,
    WORD,
    domain_classifier,
    out_of_fold,
    stratified_folds,
    text_kernel,
)
from pipelines.statistics import resampling

LEVEL, RUNS = 0.05, 200
MOST_ALARMS = int(binom.isf(0.001, RUNS, LEVEL))
WORDS = [
    "Befund",
    "Hilfsmittel",
    "Antrag",
    "Gutachten",
    "Diagnose",
    "Therapie",
    "Verordnung",
    "nicht",
    "belegt",
    "indiziert",
]


def texts(rng, count, words=WORDS):
    return [" ".join(rng.choices(words, k=6)) for _ in range(count)]


def test_scores_out_of_fold_are_those_of_ridge_regression():
    made = texts(random.Random(1), 40)
    labels = np.arange(40) % 3 == 0
    folds = [np.arange(i, 40, 5) for i in range(5)]
    scores = out_of_fold(text_kernel(made), folds) @ labels.astype(float)
    vectorizer = TfidfVectorizer(token_pattern=r"\w+", ngram_range=(1, 2), sublinear_tf=True)
    rows = vectorizer.fit_transform(made).toarray()
    for held_out in folds:
        train = np.setdiff1d(np.arange(40), held_out)
        expected = (
            Ridge(alpha=module.PENALTY).fit(rows[train], labels[train].astype(float)).predict(rows[held_out])
        )
        # The fold's own intercept does not move a rank within it.
        assert np.ptp(scores[held_out] - expected) < 1e-9


def test_the_area_is_counted_within_folds():
    rng = np.random.default_rng(2)
    folds = [np.arange(0, 10), np.arange(10, 20)]
    labels = np.array([1.0, 0, 0, 1, 0] * 4)
    operator = rng.normal(size=(20, 20))
    scores = np.round(operator @ labels, 10)
    expected = np.mean([roc_auc_score(labels[fold], scores[fold]) for fold in folds])
    (outcome,) = module._areas(operator, labels[:, None], folds)
    assert outcome == pytest.approx(expected)


@pytest.mark.parametrize(("reference", "current"), [(20, 20), (100, 20), (20, 60)])
def test_without_drift_it_alarms_no_more_often_than_its_level(reference, current):
    rng = random.Random(3)
    alarms = 0
    for i in range(RUNS):
        outcome = domain_classifier(texts(rng, reference), texts(rng, current), resamples=99, seed=i)
        alarms += outcome.p_value <= LEVEL
    assert alarms <= MOST_ALARMS


def test_it_sees_a_word_that_is_new_in_half_of_the_texts():
    rng = random.Random(4)
    hits = 0
    for i in range(50):
        current = [text + (" Rollstuhl" if rng.random() < 0.5 else "") for text in texts(rng, 40)]
        outcome = domain_classifier(texts(rng, 120), current, resamples=99, seed=i)
        hits += outcome.p_value <= LEVEL
    assert hits >= binom.ppf(0.001, 50, 0.8)


def test_equal_texts_are_no_drift():
    outcome = domain_classifier(["Der Antrag ist begründet."] * 30, ["Der Antrag ist begründet."] * 20)
    assert (outcome.effect, outcome.p_value) == (0.5, 1.0)


@pytest.mark.parametrize("text", ["  \n", "?!", "x{}y"])
def test_texts_that_share_no_words_say_nothing(text):
    """A kernel of zeros gives an area of one half whatever the texts are."""
    made = [text.format(i * 7919) for i in range(50)]
    assert domain_classifier(made[:30], made[30:]) is None


CHARACTERS = "診断根拠補助具必要医学的認可申請所見治療処方確認"


def chinese(rng, count, characters=CHARACTERS):
    return ["".join(rng.choices(characters, k=12)) for _ in range(count)]


def test_a_change_is_seen_in_texts_without_spaces():
    rng = random.Random(9)
    hits = 0
    for i in range(30):
        current = [text + ("車椅子" if rng.random() < 0.5 else "") for text in chinese(rng, 40)]
        hits += domain_classifier(chinese(rng, 120), current, resamples=99, seed=i).p_value <= LEVEL
    assert hits >= binom.ppf(0.001, 30, 0.8)


def test_texts_without_spaces_alarm_no_more_often_than_the_level():
    rng = random.Random(10)
    alarms = sum(
        domain_classifier(chinese(rng, 60), chinese(rng, 30), resamples=99, seed=i).p_value <= LEVEL
        for i in range(RUNS)
    )
    assert alarms <= MOST_ALARMS


def test_texts_that_recur_in_both_windows_are_no_drift():
    """The same few texts, again and again: what a fold has learnt of a text must not speak for its window."""
    rng = random.Random(5)
    common = texts(rng, 8)
    alarms = 0
    for i in range(RUNS):
        outcome = domain_classifier(
            rng.choices(common, k=60), rng.choices(common, k=30), resamples=99, seed=i
        )
        alarms += outcome.p_value <= LEVEL
    assert alarms <= MOST_ALARMS


def test_the_same_seed_gives_the_same_result():
    rng = random.Random(6)
    reference, current = texts(rng, 30), texts(rng, 20)
    assert domain_classifier(reference, current, seed=1) == domain_classifier(reference, current, seed=1)


def test_permutations_beyond_one_batch_are_counted():
    rng = random.Random(7)
    resamples = module._PERMUTATIONS_AT_ONCE * 2 + 1
    outcome = domain_classifier(
        texts(rng, 20), texts(rng, 20, ["ganz", "andere", "Sätze"]), resamples=resamples
    )
    assert outcome.p_value == 1 / (1 + resamples)


def test_the_share_is_taken_when_enough_permutations_were_as_large(monkeypatch):
    """Stopped at the 3rd, or counted to the end: of the same permutations."""
    rng = random.Random(8)
    reference, current = texts(rng, 30), texts(rng, 20)
    monkeypatch.setattr(resampling, "ENOUGH", 10**6)
    whole = domain_classifier(reference, current, resamples=250)
    monkeypatch.setattr(resampling, "ENOUGH", 3)
    monkeypatch.setattr(module, "_PERMUTATIONS_AT_ONCE", 250)
    stopped = domain_classifier(reference, current, resamples=250)
    assert stopped.effect == whole.effect
    assert 3 / 250 <= stopped.p_value <= 1
    assert 0.2 < stopped.p_value / whole.p_value < 5
    assert stopped.p_value == pytest.approx(3 / round(3 / stopped.p_value))


def test_too_few_texts_are_named():
    with pytest.raises(ValueError, match="current: got 4 texts, needs at least 5"):
        domain_classifier(["a"] * 5, ["b"] * 4)


def test_terms_and_folds_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    words = ["Aid", "aid", "is", "NOT", "ä", "über-all", "x1", "記録", ""]
    texts = [" ".join(rng.choice(words, rng.integers(0, 12))) for _ in range(60)]
    vectorizer = TfidfVectorizer(token_pattern=WORD, ngram_range=(1, 2), sublinear_tf=True)
    rows = vectorizer.fit_transform(texts)
    assert text_kernel(texts) == pytest.approx((rows @ rows.T).toarray(), abs=1e-12)
    labels = np.array([0.0] * 33 + [1.0] * 14)
    expected = StratifiedKFold(FOLDS, shuffle=True, random_state=3).split(labels, labels)
    for ours, (_, theirs) in zip(stratified_folds(labels, 3), expected, strict=True):
        assert ours.tolist() == theirs.tolist()
