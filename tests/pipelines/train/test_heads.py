"""Heads of any number of labels: as trained, as served, and what is too little to train on."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pipelines.classes import Classes
from pipelines.train.candidates import Candidate, check_families, fit_head
from pipelines.train.ground_truth import GroundTruth
from pipelines.train.job import fit
from services.encoder.runtime import EmbeddingHead, Labels, TfidfHead
from signalbox.errors import InputError, SetupError
from tests.pipelines.world import row

THREE = Classes(("Netz/LAN", "Größe", "חירום"))
TWENTY = Classes(tuple(f"Größe {i}/ä" for i in range(20)))
SWAPPED = Classes(("ruhig", "eilig"), "eilig")
EMBEDDING, TFIDF = Candidate("minilm", 1.0), Candidate("tfidf", 10.0)


class Vectors:
    """An embedder that looks texts up."""

    def __init__(self, vectors):
        self._vectors = vectors

    def read(self, texts):
        vectors = np.array([self._vectors[text] for text in texts], dtype=np.float32)
        return vectors, [False] * len(texts)


def examples(classes, each=4, seed=0):
    """Rows of each label whose texts and vectors say something about it, and the vectors."""
    rng = np.random.default_rng(seed)
    rows, vectors = [], {}
    for place, label in enumerate(classes.labels):
        center = rng.normal(size=8)
        for number in range(each):
            one = row(place * each + number, label, f"word{place} common")
            rows.append(one)
            vectors[one.text] = (center + rng.normal(size=8)).astype(np.float32)
    return rows, vectors


@pytest.mark.parametrize("classes", [SWAPPED, THREE, TWENTY])
def test_the_service_answers_as_scikit_learn_does(classes):
    rows, vectors = examples(classes)
    labels = Labels(classes.labels, classes.positive or classes.labels[0])
    texts = [one.text for one in rows]
    for candidate in (EMBEDDING, TFIDF):
        spec, predict = fit_head(candidate, classes, rows, {"minilm": vectors})
        expected = np.array([list(p.values()) for p in predict(texts)])
        head = (
            TfidfHead(spec, labels) if candidate is TFIDF else EmbeddingHead(spec, Vectors(vectors), labels)
        )
        np.testing.assert_allclose(head.read(texts)[0], expected, atol=1e-6)
        assert expected.sum(axis=1) == pytest.approx(np.ones(len(texts)))
        assert all(tuple(p) == classes.labels for p in predict(texts))
    assert np.shape(spec["weights"])[:-1] == (() if classes is SWAPPED else (len(classes.labels),))


@pytest.mark.parametrize("labels", [("yes", "no"), ("no", "yes")])
def test_a_head_of_two_labels_is_that_of_scikit_learn_to_the_last_bit(labels):
    """As before tasks had labels: trained on whether the label is the positive one."""
    classes = Classes(labels, "yes")
    rows, vectors = examples(classes)
    truth = [one.label == "yes" for one in rows]
    features = np.array([vectors[one.text] for one in rows])
    expected = LogisticRegression(C=EMBEDDING.regularization, max_iter=1000).fit(features, truth)
    spec, predict = fit_head(EMBEDDING, classes, rows, {"minilm": vectors})
    assert (spec["weights"], spec["bias"]) == (expected.coef_[0].tolist(), float(expected.intercept_[0]))
    p_yes = [float(p) for p in expected.predict_proba(features)[:, 1]]
    assert [p["yes"] for p in predict([one.text for one in rows])] == p_yes


def test_a_label_with_too_few_families_is_named_with_its_count_and_the_need():
    rows, _ = examples(THREE)
    few = [one for one in rows if one.label != "Größe"]
    one_family = [one.model_copy(update={"family": "f"}) for one in rows if one.label == "Größe"]
    check_families(THREE, rows)
    for here, count in ((few, 0), ([*few, *one_family], 1)):
        with pytest.raises(
            InputError, match=rf"got 'Größe: {count}'.*at least 2 families.*for `Größe`"
        ) as raised:
            check_families(THREE, here)
        assert "Netz" not in str(raised.value)


@pytest.mark.parametrize(
    ("weights", "labels"),
    [
        ([[1.0], [2.0]], THREE.labels),
        ([1.0], THREE.labels),
        ([[1.0], [2.0], [3.0]], SWAPPED.labels),
    ],
)
def test_a_head_of_other_labels_is_not_served(weights, labels):
    spec = {"terms": ["a"], "idf": [1.0], "weights": weights, "bias": [0.0] * len(weights)}
    with pytest.raises(SetupError, match="signalbox train"):
        TfidfHead(spec, Labels(labels, labels[0]))


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"eilig": 1, "ruhig": 1}, "ruhig: 1, eilig: 1"),
        ({"eilig": 5, "ruhig": 1}, "ruhig: 1"),
        ({"eilig": 6}, "ruhig: 0"),
        ({}, "ruhig: 0, eilig: 0"),
    ],
)
def test_small_and_lopsided_examples_are_an_error_of_the_training(counts, message):
    """scikit-learn ends with a traceback on each of them."""
    rows = [
        row(place * 10 + number, label, "word")
        for place, (label, count) in enumerate(counts.items())
        for number in range(count)
    ]
    with pytest.raises(InputError, match=f"families to train on: got '{message}'"):
        fit(SWAPPED, rows, [], {}, GroundTruth(()))
