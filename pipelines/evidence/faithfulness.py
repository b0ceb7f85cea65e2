"""Faithfulness of the evidence of one text: pure functions of the probabilities of its parts.

Comprehensiveness and sufficiency are those of ERASER (DeYoung et al. 2020, arXiv 1911.03429), with sentences as the units
and the mean over all numbers of them (AOPC): how far the verdict's probability falls without the first k parts of an
order, and with them alone. Evidence that is faithful to the model has a higher comprehensiveness than a random order, and
a lower sufficiency.

Occlusion measures the sets that lack one part, so an order by its weights is bound to do well on these. The scores "on new
sets" leave them out: they need three parts or more, and can turn out worse than those of a random order.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# For each set of parts, the verdict's probability with these alone. The whole text is the set of all.
Values = Mapping[frozenset[int], float]
Order = tuple[int, ...]

# All orders of up to four parts; of more parts a sample.
MOST_ORDERS = 24


@dataclass(frozen=True)
class OrderScores:
    """Scores of one order of the parts, or their mean over several."""

    comprehensiveness: float
    sufficiency: float


def evidence_order(weights: Sequence[float]) -> Order:
    """Parts by weight, what speaks most for the verdict first."""
    return tuple(sorted(range(len(weights)), key=lambda i: -weights[i]))


def random_orders(count: int, seed: str) -> list[Order]:
    """All orders of `count` parts, or `MOST_ORDERS` of them at random: the same ones for the same seed."""
    if math.factorial(count) <= MOST_ORDERS:
        return list(itertools.permutations(range(count)))
    generator = random.Random(seed)  # noqa: S311 - a sample, no secret
    return [tuple(generator.sample(range(count), count)) for _ in range(MOST_ORDERS)]


def subsets_of(orders: Sequence[Order]) -> set[frozenset[int]]:
    """The sets of parts whose values `scores` needs: what the orders begin and end with."""
    return {
        frozenset(part) for order in orders for k in range(1, len(order)) for part in (order[:k], order[k:])
    }


def scores(values: Values, order: Order, *, new_sets: bool = False) -> OrderScores:
    """Scores of one order of two parts or more; of three or more with `new_sets`, without the sets that lack one part."""
    whole, count, skipped = values[frozenset(order)], len(order), int(new_sets)
    left_out = [whole - values[frozenset(order[k:])] for k in range(1 + skipped, count)]
    alone = [whole - values[frozenset(order[:k])] for k in range(1, count - skipped)]
    return OrderScores(math.fsum(left_out) / len(left_out), math.fsum(alone) / len(alone))


def mean_scores(values: Values, orders: Sequence[Order], *, new_sets: bool = False) -> OrderScores:
    """The mean scores of several orders."""
    every = [scores(values, order, new_sets=new_sets) for order in orders]
    return OrderScores(
        comprehensiveness=math.fsum(s.comprehensiveness for s in every) / len(every),
        sufficiency=math.fsum(s.sufficiency for s in every) / len(every),
    )


def scores_by_order(
    values: Values, order: Order, orders: Sequence[Order], *, new_sets: bool = False
) -> dict[str, OrderScores]:
    """Scores of the order of the evidence, of the mean of `orders`, and of the reversed order."""
    return {
        "evidence": scores(values, order, new_sets=new_sets),
        "random": mean_scores(values, orders, new_sets=new_sets),
        "reversed": scores(values, order[::-1], new_sets=new_sets),
    }
