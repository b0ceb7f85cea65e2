"""Procedures that the simulations compare: each yields the certified threshold after each label of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.certificate.populations import Population
from signalbox.certificate.certify import as_labels, certify
from signalbox.certificate.evidence import certified, evaluate, looks
from signalbox.certificate.planning import STEPS, Plan

LOOKS = (40, 60, 100, 200, 500)
_MOST = max(LOOKS)

# Labels of one run: indices of answers in the order asked, and which of them are wrong.
Labels = tuple[np.ndarray, np.ndarray]
Procedure = Callable[[Population, Plan, Labels], Iterator[float | None]]
Sample = Callable[[Population, Plan, np.random.Generator], Labels]
# The chance of answers, by index, to be asked for.
Chance = Callable[[Population, np.ndarray], np.ndarray]


def draw(population: Population, plan: Plan, rng: np.random.Generator) -> Labels:
    """Labels at random within the zone, where the plan asks."""
    return _answered(population, rng.integers(0, population.count(plan.zone), _MOST), rng)


def draw_blocks(population: Population, plan: Plan, rng: np.random.Generator) -> Labels:
    """Blocks of one label from each ring of the zone, in random order within a block."""
    rings = _rings(plan)
    ring = np.concatenate([rng.permutation(rings) for _ in range(-(-_MOST // rings))])[:_MOST]
    place = (ring + rng.random(_MOST)) / rings * population.count(plan.zone)
    return _answered(population, place.astype(int), rng)


def draw_with(chance: Chance) -> Sample:
    """Labels within the zone that are asked for with unequal chances: a small one comes up less often."""

    def sample(population: Population, plan: Plan, rng: np.random.Generator) -> Labels:
        asked = np.empty(0, dtype=int)
        while len(asked) < _MOST:
            index = rng.integers(0, population.count(plan.zone), 4 * _MOST)
            asked = np.concatenate([asked, index[rng.random(len(index)) < chance(population, index)]])
        return _answered(population, asked[:_MOST], rng)

    return sample


def spending(population: Population, plan: Plan, labels: Labels) -> Iterator[float | None]:
    """The shipped test, looked at after each label."""
    index, wrong = labels
    return looks(as_labels(population.score[index].tolist(), wrong.tolist()), plan)


def once(population: Population, plan: Plan, labels: Labels) -> Iterator[float | None]:
    """One look at each number of labels. Each is a campaign of its own: what an earlier one certified is no part of it."""
    index, wrong = labels
    rows = as_labels(population.score[index].tolist(), wrong.tolist())
    for count in range(1, len(index) + 1):
        yield certified(evaluate(rows[:count], plan)) if count in LOOKS else None


def e_process(population: Population, plan: Plan, labels: Labels) -> Iterator[float | None]:
    """The mean of likelihood ratios against alpha, looked at after each block of one label a ring."""
    index, wrong = labels
    rates = np.array([0.05, 0.2, 0.5]) * plan.alpha
    up, down = np.log(rates / plan.alpha), np.log((1 - rates) / (1 - plan.alpha))
    logs = {threshold: np.zeros(len(rates)) for threshold in plan.thresholds}
    passed: set[float] = set()
    for count, answer in enumerate(index, start=1):
        for threshold in plan.thresholds:
            if population.score[answer] >= threshold:
                logs[threshold] = logs[threshold] + (up if wrong[count - 1] else down)
        if count % _rings(plan) == 0:
            passed |= {t for t in plan.thresholds if np.exp(logs[t]).mean() >= 1 / plan.delta}
        yield _last_of_run(plan, passed)


def with_propensity(chance: Chance, step: int) -> Procedure:
    """The shipped test on labels with unequal chances, called anew after every `step` labels."""

    def procedure(population: Population, plan: Plan, labels: Labels) -> Iterator[float | None]:
        index, wrong = labels
        score, chances = population.score[index].tolist(), chance(population, index).tolist()
        last = None
        for count in range(1, len(index) + 1):
            if count % step == 0:
                rows = score[:count], wrong[:count].tolist(), score, plan.alpha, plan.delta
                last = certify(*rows, propensity=chances[:count], plan=plan)
            yield last

    return procedure


def _answered(population: Population, index: np.ndarray, rng: np.random.Generator) -> Labels:
    error = population.error[index] * population.growth(np.arange(len(index)))
    return index, rng.random(len(index)) < np.minimum(1.0, error)


def _rings(plan: Plan) -> int:
    return round(plan.shares[-1] * STEPS)


def _last_of_run(plan: Plan, passed: set[float]) -> float | None:
    last = None
    for threshold in plan.thresholds:
        if threshold not in passed:
            break
        last = threshold
    return last
