"""Cross-validation over families: texts that carry nothing are at chance, and what is too little is not printed."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.classes import Classes
from pipelines.train.candidates import CANDIDATES, Candidate
from pipelines.train.cross_validation import cross_validate
from pipelines.train.folds import number_of_folds, stratified_folds
from signalbox.contracts.encoders import ENCODERS
from tests.pipelines.world import row

TWO = Classes(("yes", "no"), "yes")
THREE = Classes(("Netz/LAN", "Größe", "חירום"))
MINILM, TFIDF = Candidate("minilm", 1.0), Candidate("tfidf", 10.0)


def examples(classes, each, seed, signal=0.0):
    """Rows of a family each, whose vectors say `signal` about the label, and the vectors."""
    rng = np.random.default_rng(seed)
    rows, vectors = [], {}
    for place, label in enumerate(classes.labels):
        center = signal * rng.normal(size=8)
        for number in range(each):
            one = row(place * each + number, label, f"word{place} common")
            rows.append(one)
            vectors[one.text] = (center + rng.normal(size=8)).astype(np.float32)
    return rows, {"minilm": vectors}


def test_texts_that_carry_nothing_are_at_chance():
    """10 + 10 random vectors: folds of one family, which is one label, gave a mean accuracy of .001."""
    accuracies = []
    for seed in range(40):
        rows, vectors = examples(TWO, 10, seed)
        accuracies.append(cross_validate(MINILM, TWO, rows, vectors).accuracy["en"].accuracy)
    assert np.mean(accuracies) == pytest.approx(0.5, abs=0.08)


def test_texts_that_carry_the_label_are_told_apart():
    rows, vectors = examples(TWO, 12, 0, signal=3.0)
    score = cross_validate(MINILM, TWO, rows, vectors)
    held_out = score.accuracy["en"]
    assert held_out.accuracy > 0.9
    assert (held_out.rows, held_out.families) == (24, 24)
    assert held_out.interval[0] <= held_out.accuracy <= held_out.interval[1]
    assert score.log_loss["en"] < np.log(2)


def test_below_twenty_rows_of_a_language_there_is_no_accuracy():
    rows, vectors = examples(TWO, 10, 0)
    german = [one.model_copy(update={"language": "de"}) if i % 10 else one for i, one in enumerate(rows)]
    score = cross_validate(MINILM, TWO, german, vectors)
    assert score.accuracy == {"de": None, "en": None}
    assert all(np.isfinite(loss) for loss in score.log_loss.values())


def test_each_language_counts_alike_in_the_choice():
    rows, vectors = examples(TWO, 20, 1)
    mixed = [one.model_copy(update={"language": "de"}) if i % 10 else one for i, one in enumerate(rows)]
    score = cross_validate(MINILM, TWO, mixed, vectors)
    assert score.criterion == pytest.approx(sum(score.log_loss.values()) / 2)


@settings(max_examples=15)
@given(st.sampled_from([TWO, THREE]), st.integers(0, 1000), st.integers(2, 4))
def test_every_candidate_is_scored_whatever_falls_into_a_fold(classes, seed, each):
    rows, vectors = examples(classes, each, seed)
    for candidate in (MINILM, TFIDF):
        assert np.isfinite(cross_validate(candidate, classes, rows, vectors).criterion)


def test_candidates_are_all_encoders_with_all_regularizations():
    assert Counter(candidate.encoder for candidate in CANDIDATES) == dict.fromkeys(ENCODERS, 3)
    assert Candidate("use", 10.0).name == "use C=10"
    assert {candidate.kind for candidate in CANDIDATES} == {"embedding-logistic", "tfidf-logistic"}


def test_there_are_as_many_folds_as_the_rarest_label_has_families():
    assert number_of_folds([0, 0, 0, 1, 1], list("abcde")) == 2
    assert number_of_folds([0] * 9 + [1] * 9, range(18)) == 5
    assert number_of_folds([0, 1, 1], list("abb")) == 1
    assert number_of_folds([], []) == 0
    assert list(stratified_folds(np.array([0, 1, 1]), list("abb"), 0)) == []


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=1, max_size=30), st.integers(0, 9))
def test_no_family_is_on_both_sides_and_every_row_is_held_out_once(pairs, seed):
    codes, families = np.array([code for code, _ in pairs]), [family for _, family in pairs]
    held_out = []
    for train, test in stratified_folds(codes, families, seed):
        assert {families[i] for i in train}.isdisjoint(families[i] for i in test)
        held_out += list(test)
    assert sorted(held_out) in ([], list(range(len(pairs))))
