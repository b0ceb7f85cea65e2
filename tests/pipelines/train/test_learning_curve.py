"""Learning curve: nested labels, held-out families, and what more labels would gain."""

import json

import numpy as np
import pytest

from pipelines.classes import Classes
from pipelines.strata import Stratum
from pipelines.train.candidates import Candidate
from pipelines.train.learning_curve import SIZES, arrival, gain_of, learning_curve
from pipelines.train.report import sentence
from tests.pipelines.world import row

TWO = Classes(("yes", "no"), "yes")
MINILM = Candidate("minilm", 10.0)
EN = Stratum("everyday", "en")


def examples(count, signal, *, language="en", size=1, seed=0):
    """Rows in families of `size`, of alternating labels, whose vectors say `signal` about the label."""
    rng = np.random.default_rng(seed)
    rows, vectors = [], {}
    for number in range(count):
        label = TWO.labels[number // size % 2]
        one = row(number, label, "x", language)
        one = one.model_copy(update={"family": f"{language} {number // size}", "tier": "everyday"})
        rows.append(one)
        vectors[one.text] = rng.normal(size=30) + signal * (1 if label == "yes" else -1)
    return rows, vectors


def facts(count, number):
    """Rows that are one of `number` facts, each of one label: what was not seen cannot be known."""
    rng = np.random.default_rng(0)
    rows, vectors = examples(count, 0.0)
    for one in rows:
        fact = 2 * rng.integers(number // 2) + (one.label == "yes")
        vectors[one.text] = np.eye(number)[fact]
    return rows, vectors


def test_more_labels_help_where_they_can():
    rows, vectors = facts(240, 80)
    curve = learning_curve(MINILM, TWO, rows, {"minilm": vectors})
    assert [point.labels for point in curve.points] == list(SIZES)
    assert curve.points[-1].accuracy > curve.points[0].accuracy + 0.1
    assert all(point.low <= point.accuracy <= point.high for point in curve.points)
    (gain,) = curve.gains
    assert gain.low > 0
    assert 0 < gain.more_labels < 120
    assert f"about {gain.more_labels} labels more than 120 gain a point" in sentence(gain)


def test_labels_that_carry_nothing_give_a_flat_curve_and_no_number():
    rows, vectors = examples(200, 0.0)
    curve = learning_curve(MINILM, TWO, rows, {"minilm": vectors})
    assert all(point.low <= 0.5 <= point.high for point in curve.points)
    assert curve.gains[0].more_labels is None
    assert "everyday, en: cannot say whether more labels help" in sentence(curve.gains[0])


def test_each_language_has_the_points_that_its_own_labels_allow():
    english, vectors = examples(200, 1.0)
    german, more = examples(40, 1.0, language="de", seed=1)
    curve = learning_curve(MINILM, TWO, [*english, *german], {"minilm": vectors | more})
    by_language = {}
    for point in curve.points:
        by_language.setdefault(point.language, []).append(point.labels)
    assert by_language == {"de": [10, 20], "en": list(SIZES)}
    assert {point.tier for point in curve.points} == {"everyday"}


def test_a_smaller_part_is_the_beginning_of_a_larger_one_and_takes_families_in_turn():
    rows, _ = examples(60, 0.0, size=3)
    order = arrival(rows, TWO, seed=4)["en"]
    assert sorted(one.id for one in order) == sorted(one.id for one in rows)
    assert [one.label for one in order[:10]].count("yes") == 5
    assert len({one.family for one in order[:20]}) == 20


def test_the_curve_is_that_of_the_candidate():
    """The words give the label away, the vectors do not: TF-IDF has another curve than the embedding."""
    rows, vectors = examples(100, 0.0)
    rows = [one.model_copy(update={"text": f"{one.text} {one.label}"}) for one in rows]
    vectors = {one.text: vector for one, vector in zip(rows, vectors.values(), strict=True)}
    words = learning_curve(Candidate("tfidf", 10.0), TWO, rows, {"minilm": vectors})
    plain = learning_curve(MINILM, TWO, rows, {"minilm": vectors})
    assert (words.candidate, plain.candidate) == ("tfidf C=10", "minilm C=10")
    assert words.points[-1].accuracy > 0.95 > plain.points[-1].accuracy


@pytest.mark.parametrize("count", [0, 2, 18])
def test_too_few_rows_or_families_give_no_curve(count):
    rows, vectors = examples(count, 1.0)
    curve = learning_curve(MINILM, TWO, rows, {"minilm": vectors})
    assert (curve.points, curve.gains) == ((), ())
    one_family, vectors = examples(40, 1.0, size=40)
    assert learning_curve(MINILM, TWO, one_family, {"minilm": vectors}).points == ()


def test_the_structure_can_be_written_as_json():
    rows, vectors = examples(40, 1.0)
    content = learning_curve(MINILM, TWO, rows, {"minilm": vectors}).as_dict()
    assert json.loads(json.dumps(content)) == content
    assert set(content) == {"candidate", "points", "gains"}
    assert {"tier", "language", "labels", "accuracy", "low", "high"} <= set(content["points"][0])


def test_a_gain_is_the_slope_over_doublings():
    """.60, .62, .64 at 20, 40 and 80 labels: two points a doubling, so that 80 · (√2 - 1) = 34 more gain one."""
    rng = np.random.default_rng(0)
    base = rng.random(2000) < 0.5
    right = {size: base * 1.0 + 0.02 * step for step, size in enumerate((20, 40, 80))}
    gain = gain_of(EN, right, [str(i) for i in range(2000)])
    assert gain.per_doubling == pytest.approx(0.02)
    assert (gain.labels, gain.more_labels) == (80, 34)
    assert gain_of(EN, {10: right[20]}, ["a"] * 2000) is None


def test_rows_that_agree_in_their_family_make_the_slope_less_sure():
    rng = np.random.default_rng(1)
    steps = np.repeat(rng.normal(0.05, 0.2, 20), 8)
    right = {10: np.zeros(160), 20: steps, 40: 2 * steps}
    together = gain_of(EN, right, [str(i // 8) for i in range(160)])
    apart = gain_of(EN, right, [str(i) for i in range(160)])
    assert together.per_doubling == pytest.approx(apart.per_doubling)
    assert together.high - together.low > 2 * (apart.high - apart.low)
