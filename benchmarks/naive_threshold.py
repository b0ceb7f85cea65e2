"""Share of provisional thresholds that miss their target error: `python -m benchmarks naive_threshold`.

Scores are drawn as p ~ Beta(a, a), the label as Bernoulli(p): perfectly calibrated, the kindest case.
A draw violates the target when the true error among its confident answers is above it.
"""

from __future__ import annotations

import random

from signalbox.contracts.labels import NO, YES
from signalbox.thresholds import Thresholds, fit_binary

TARGET_ERROR = 0.10
ROWS = (40, 80, 200, 1000)
DRAWS = 500
SHAPES = (0.3, 1.0)  # Beta(a, a): .3 is a decisive model, 1 a hesitant one


def run(seed: int = 0) -> list[dict[str, object]]:
    """One row per sample size and shape: share of draws in violation, mean share of confident answers."""
    rng = random.Random(seed)
    results: list[dict[str, object]] = []
    for shape in SHAPES:
        population = [rng.betavariate(shape, shape) for _ in range(20_000)]
        for rows in ROWS:
            outcomes = [_draw(rng, shape, rows, population) for _ in range(DRAWS)]
            results.append(
                {
                    "shape": shape,
                    "rows": rows,
                    "violations": sum(error > TARGET_ERROR for error, _ in outcomes) / DRAWS,
                    "coverage": sum(coverage for _, coverage in outcomes) / DRAWS,
                }
            )
    return results


def _draw(rng: random.Random, shape: float, rows: int, population: list[float]) -> tuple[float, float]:
    scores = [rng.betavariate(shape, shape) for _ in range(rows)]
    thresholds = fit_binary(scores, [rng.random() < p for p in scores], TARGET_ERROR)
    return _true_error(thresholds, population)


def _true_error(thresholds: Thresholds, population: list[float]) -> tuple[float, float]:
    """True error and coverage of the confident zones; the error of an answer with score p is 1-p or p."""
    high, low = thresholds.verdicts[YES].confident, thresholds.verdicts[NO].confident
    errors = [1 - p for p in population if high is not None and p >= high]
    errors += [p for p in population if low is not None and p <= low]
    return (sum(errors) / len(errors) if errors else 0.0), len(errors) / len(population)
