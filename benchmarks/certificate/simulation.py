"""Runs of a procedure on a population: violations at any time, and the share of green at numbers of labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.certificate.populations import Population
from benchmarks.certificate.procedures import LOOKS, Procedure, Sample, draw, spending
from signalbox.certificate.planning import Plan, make_plan

POOL = 2_000

PlanOf = Callable[[Sequence[float], Population, np.random.Generator], Plan]


@dataclass(frozen=True)
class Outcome:
    """By number of labels: share of runs with a violation at any look until then, and mean share of green at it."""

    violations: tuple[float, ...]
    green: tuple[float, ...]


def simulate(
    population: Population,
    alpha: float,
    delta: float,
    runs: int,
    seed: int,
    *,
    procedure: Procedure = spending,
    sample: Sample = draw,
    plan_of: PlanOf | None = None,
    separate: bool = False,
) -> Outcome:
    """Each run draws its own pool, plan and labels. `separate`: each look is a campaign of its own."""
    rng = np.random.default_rng(seed)
    violated, green = np.zeros((runs, len(LOOKS))), np.zeros((runs, len(LOOKS)))
    for run in range(runs):
        pool = population.score[rng.integers(0, len(population.score), POOL)].tolist()
        plan = plan_of(pool, population, rng) if plan_of else make_plan(pool, alpha, delta)
        thresholds = list(procedure(population, plan, sample(population, plan, rng)))
        false = _false(population, thresholds, alpha, separate=separate)
        for column, count in enumerate(LOOKS):
            violated[run, column] = false[count - 1] if separate else false[:count].any()
            green[run, column] = population.share(thresholds[count - 1])
    return Outcome(tuple(violated.mean(0).tolist()), tuple(green.mean(0).tolist()))


def calibrated_plan(alpha: float, delta: float, rows: int, *, once: bool = False) -> PlanOf:
    """Plans that also see `rows` labeled answers of the calibration split, drawn from all answers."""

    def plan_of(pool: Sequence[float], population: Population, rng: np.random.Generator) -> Plan:
        index = rng.integers(0, len(population.score), rows)
        wrong = (rng.random(rows) < population.error[index]).tolist()
        scores = population.score[index].tolist()
        return make_plan(pool, alpha, delta, calibration=(scores, wrong), once=once)

    return plan_of


def _false(
    population: Population, thresholds: Sequence[float | None], alpha: float, *, separate: bool
) -> np.ndarray:
    """For each look whether it certifies a threshold (for the first time, or anew) whose error is above alpha.

    The error is the mean over the time of the labels until then, which matters where it drifts.
    """
    growth = np.cumsum(population.growth(np.arange(len(thresholds)))) / np.arange(1, len(thresholds) + 1)
    false = np.zeros(len(thresholds), dtype=bool)
    seen: set[float] = set()
    for look, threshold in enumerate(thresholds):
        if threshold is not None and (separate or threshold not in seen):
            seen.add(threshold)
            false[look] = population.risk(threshold) * growth[look] > alpha
    return false
