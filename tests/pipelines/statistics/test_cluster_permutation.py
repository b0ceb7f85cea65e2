"""Tests of rows in clusters: against enumeration, and their size where texts are sent again."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binom

from pipelines.statistics import two_sample
from pipelines.statistics.cluster_permutation import Clustered, compare_labels, compare_numbers

LEVEL, RUNS = 0.05, 100
MOST_ALARMS = int(binom.isf(0.001, RUNS, LEVEL))
TEMPLATES = 30


def clustered(values, clusters=None):
    clusters = range(len(values)) if clusters is None else clusters
    return Clustered(np.asarray(values), np.asarray(list(clusters), dtype=np.uint64))


def traffic(rng, rows):
    """Half of the rows are one of a few templates, half are new texts; the number is one of the text."""
    of_template = np.random.default_rng(7).beta(5, 2, TEMPLATES)  # unlike the new texts
    texts = np.where(
        rng.random(rows) < 0.5, rng.integers(0, TEMPLATES, rows), TEMPLATES + rng.integers(0, 2**60, rows)
    )
    values = np.where(texts < TEMPLATES, of_template[np.minimum(texts, TEMPLATES - 1)], rng.beta(2, 3, rows))
    return Clustered(values, texts.astype(np.uint64))


def resent(rng, texts, times):
    """Each text is sent so many times."""
    return Clustered(
        np.repeat(rng.beta(2, 3, texts), times),
        np.repeat(rng.integers(0, 2**60, texts), times).astype(np.uint64),
    )


def alarms(draw, test=compare_numbers):
    rng = np.random.default_rng(3)
    return sum(test(*draw(rng), resamples=199, seed=i).p_value <= LEVEL for i in range(RUNS))


@pytest.mark.parametrize(
    ("reference", "current"), [(1120, 280), (1120, 2240), (2240, 140), (300, 300), (200, 3000)]
)
def test_more_or_less_traffic_alone_does_not_alarm(reference, current):
    assert alarms(lambda rng: (traffic(rng, reference), traffic(rng, current))) <= MOST_ALARMS


@pytest.mark.parametrize("times", [(1, 5), (5, 1), (3, 3)])
def test_texts_that_are_sent_again_do_not_alarm(times):
    assert alarms(lambda rng: (resent(rng, 400, times[0]), resent(rng, 80, times[1]))) <= MOST_ALARMS


def test_labels_of_texts_that_are_sent_again_do_not_alarm():
    def labels(sample):
        return Clustered(
            np.where(sample.values > 0.4, "yes", np.where(sample.values > 0.35, "neutral", "no")),
            sample.clusters,
        )

    draw = lambda rng: (labels(traffic(rng, 1120)), labels(resent(rng, 60, 5)))  # noqa: E731
    assert (
        alarms(lambda rng: (labels(traffic(rng, 1120)), labels(traffic(rng, 2240))), compare_labels)
        <= MOST_ALARMS
    )
    assert (
        alarms(lambda rng: (labels(resent(rng, 200, 1)), labels(resent(rng, 60, 5))), compare_labels)
        <= MOST_ALARMS
    )
    assert draw(np.random.default_rng(1))


def test_a_shift_is_seen_though_texts_are_sent_again():
    rng = np.random.default_rng(4)
    hits = 0
    for seed in range(50):
        moved = resent(rng, 150, 3)
        moved = Clustered(np.minimum(1, moved.values + 0.15), moved.clusters)
        hits += compare_numbers(resent(rng, 600, 2), moved, resamples=199, seed=seed).p_value <= LEVEL
    assert hits >= binom.ppf(0.001, 50, 0.8)


def test_the_p_value_is_that_of_all_permutations_of_clusters():
    reference = clustered([1, 1, 1, 2, 3, 4], [0, 0, 0, 1, 2, 3])
    current = clustered([4, 4, 5, 2], [4, 4, 5, 1])
    units = [[1, 1, 1], [2], [3], [4], [4, 4], [5], [2]]

    def gap(chosen):
        one = [v for i in chosen for v in units[i]]
        other = [v for i in range(len(units)) if i not in chosen for v in units[i]]
        share = lambda side, x: sum(v <= x for v in side) / len(side)  # noqa: E731
        return max(abs(share(one, x) - share(other, x)) for x in range(1, 6))

    gaps = [gap(chosen) for chosen in combinations(range(7), 4)]
    exact = np.mean([value >= gap((0, 1, 2, 3)) - 1e-12 for value in gaps])
    outcome = compare_numbers(reference, current, resamples=9999)
    assert outcome.test == "KS, clustered"
    assert outcome.effect == pytest.approx(gap((0, 1, 2, 3)))
    assert outcome.p_value == pytest.approx(exact, abs=0.25 * exact)


def test_independent_rows_have_the_exact_test():
    rng = np.random.default_rng(5)
    one, other = rng.random(50), rng.random(40)
    assert compare_numbers(clustered(one), clustered(other)) == two_sample.kolmogorov_smirnov(one, other)
    yes, no = clustered(["yes"] * 8 + ["no"] * 5), clustered(["yes"] * 3 + ["no"] * 9)
    assert compare_labels(yes, no) == two_sample.categories({"yes": 8, "no": 5}, {"yes": 3, "no": 9})


def test_under_heavy_ties_the_test_is_permuted_and_sees_what_the_exact_one_overlooks():
    """A strong model gives p(yes) = 1 for most texts; fewer such answers are a change."""
    rng = np.random.default_rng(6)
    draw = lambda rows, top: np.where(rng.random(rows) < top, 1.0, rng.beta(2, 3, rows))  # noqa: E731
    hits = exact = false = 0
    for seed in range(100):
        reference, current, same = draw(1000, 0.85), draw(200, 0.75), draw(200, 0.85)
        outcome = compare_numbers(clustered(reference), clustered(current), resamples=199, seed=seed)
        assert outcome.test == "KS, permuted"
        hits += outcome.p_value <= LEVEL
        exact += two_sample.kolmogorov_smirnov(reference, current).p_value <= LEVEL
        false += (
            compare_numbers(clustered(reference), clustered(same), resamples=199, seed=seed).p_value <= LEVEL
        )
    assert hits >= 75
    assert hits > exact + 20
    assert false <= binom.isf(0.001, 100, LEVEL)


def test_effective_rows_are_those_that_carry_as_much():
    assert clustered([1, 2, 3]).effective == 3
    assert clustered([1] * 10, [0] * 10).effective == 1
    assert clustered([1] * 4, [0, 0, 1, 2]).effective == pytest.approx(16 / 6)
