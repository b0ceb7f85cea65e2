"""Comprehensiveness and sufficiency of orders, from probabilities that are known in advance."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.evidence.faithfulness import (
    MOST_ORDERS,
    OrderScores,
    evidence_order,
    mean_scores,
    random_orders,
    scores,
    subsets_of,
)


def values_of(weights):
    """An additive model: the probability is the sum of the weights of the parts that are there."""
    parts = range(len(weights))
    return {
        frozenset(subset): sum(weights[i] for i in subset)
        for size in range(len(weights) + 1)
        for subset in itertools.combinations(parts, size)
    }


def test_scores_by_hand():
    values = values_of([0.1, 0.6, 0.2])
    # Left out: {1} costs .6, {1, 2} costs .8. Alone: {1} lacks .3, {1, 2} lacks .1.
    assert scores(values, (1, 2, 0)) == OrderScores(pytest.approx(0.7), pytest.approx(0.2))
    # Without the sets that lack one part: {1, 2} left out, {1} alone.
    assert scores(values, (1, 2, 0), new_sets=True) == OrderScores(pytest.approx(0.8), pytest.approx(0.3))


def test_the_order_of_the_evidence_is_by_weight():
    assert evidence_order([0.1, 0.6, -0.2, 0.3]) == (1, 3, 0, 2)


@given(st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=5))
def test_for_an_additive_model_the_order_of_the_weights_is_the_best(weights):
    values = values_of(weights)
    order = evidence_order(weights)
    best, others = scores(values, order), random_orders(len(weights), "seed")
    assert all(best.comprehensiveness >= scores(values, other).comprehensiveness - 1e-9 for other in others)
    assert all(best.sufficiency <= scores(values, other).sufficiency + 1e-9 for other in others)


@given(st.lists(st.floats(0, 1), min_size=16, max_size=16))
def test_on_all_subsets_a_reversed_order_swaps_the_two_scores(numbers):
    values = {frozenset(s): n for s, n in zip(values_of([0, 0, 0, 0]), numbers, strict=True)}
    forwards, backwards = scores(values, (2, 0, 3, 1)), scores(values, (1, 3, 0, 2))
    assert forwards.comprehensiveness == pytest.approx(backwards.sufficiency)
    assert forwards.sufficiency == pytest.approx(backwards.comprehensiveness)


def test_a_model_that_needs_two_parts_can_make_evidence_worse_than_chance_on_new_sets():
    """Either of parts 0 and 1 is enough, so leaving out one of them changes nothing."""
    values = {
        subset: float(0 in subset or 1 in subset) - 0.01 * (2 not in subset)
        for subset in values_of([0, 0, 0])
    }
    weights = [values[frozenset({0, 1, 2})] - values[frozenset({0, 1, 2}) - {i}] for i in range(3)]
    order = evidence_order(weights)
    assert order[0] == 2
    random = mean_scores(values, random_orders(3, "seed"), new_sets=True)
    assert scores(values, order, new_sets=True).comprehensiveness < random.comprehensiveness


def test_few_parts_have_all_orders_and_many_a_sample():
    assert len(random_orders(4, "a")) == 24
    assert set(random_orders(3, "a")) == set(itertools.permutations(range(3)))
    many = random_orders(7, "a")
    assert len(many) == MOST_ORDERS
    assert many == random_orders(7, "a")
    assert many != random_orders(7, "b")
    assert all(sorted(order) == list(range(7)) for order in many)


def test_the_subsets_are_all_that_the_scores_read():
    orders = [(0, 1, 2), (2, 1, 0)]
    values = dict.fromkeys(subsets_of(orders), 0.5) | {frozenset(range(3)): 0.9}
    for order in orders:
        assert scores(values, order).sufficiency == pytest.approx(0.4)
