"""Coverage of the paired interval and errors of the conclusion on simulated rows: `python -m benchmarks comparison`.

A row is right for a model when its latent difficulty is below the model's level: a Gaussian copula with a part of the
row and a part of its family, so that models fail on the same rows and on the same families. A conclusion is wrong when it
names a model whose accuracy is the margin or more below the best one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from pipelines.compare.conclusion import MAJORITY, Contender, conclude
from pipelines.statistics import pairs_of, tango_interval, upper_bound

MARGIN = 0.05
DRAWS = 2000
CALIBRATION_ROWS = 72
_CLONE = 0.9  # part of the difficulty that clones share beyond the others

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Families:
    """Rows by family, and the part of the difficulty that a family shares."""

    name: str
    sizes: tuple[int, ...]
    shared: float

    @property
    def names(self) -> list[str]:
        return [f"f{number}" for number, size in enumerate(self.sizes) for _ in range(size)]


SHAPES = (
    Families("166 × 1", (1,) * 166, 0.0),
    Families("42 × 3, 40 × 1", (3,) * 42 + (1,) * 40, 0.3),
    Families("42 × 3, 40 × 1", (3,) * 42 + (1,) * 40, 0.6),
    Families("16 × 8", (8,) * 16, 0.3),
    Families("16 × 8", (8,) * 16, 0.6),
    Families("500 × 1", (1,) * 500, 0.0),
)
_CONCLUDED = SHAPES[2], SHAPES[4], SHAPES[5]
# Accuracy by name in the order of size; the last but the clones are independent given the row.
LADDERS: dict[str, tuple[float, ...]] = {
    "one at the margin": (0.85, 0.90),
    "three at the margin": (0.85, 0.85, 0.85, 0.90),
    "five at the margin": (0.85, 0.85, 0.85, 0.85, 0.85, 0.90),
    "two clones at the margin": (0.85, 0.85, 0.90),
    "two equal": (0.90, 0.90),
    "ladder": (0.62, 0.70, 0.80, 0.90, 0.91),
}


def run(draws: int = DRAWS, seed: int = 0) -> list[dict[str, object]]:
    """First the coverage of the interval, then what the conclusion names, by ladder and families."""
    rng = np.random.default_rng(seed)
    coverage = [_coverage(rng, shape, loss, draws) for shape in SHAPES for loss in (0.0, MARGIN)]
    return coverage + [_conclusions(rng, name, shape, draws) for name in LADDERS for shape in _CONCLUDED]


def _coverage(rng: np.random.Generator, shape: Families, loss: float, draws: int) -> dict[str, object]:
    """Share of draws whose 95 % interval has the true difference, and whose upper bound is below it."""
    names, inside, below = shape.names, 0, 0
    for _ in range(draws):
        first, second = _answers(rng, shape, (0.90, 0.90 - loss))
        pairs = pairs_of(first, second, names)
        low, high = tango_interval(pairs)
        inside += low <= loss <= high
        below += upper_bound(pairs) < loss
    return {
        "families": shape.name,
        "shared": shape.shared,
        "true loss": loss,
        "coverage of 95 %": inside / draws,
        "upper bound too low": below / draws,
    }


def _conclusions(rng: np.random.Generator, ladder: str, shape: Families, draws: int) -> dict[str, object]:
    levels, clones = LADDERS[ladder], "clones" in ladder
    worse = {f"m{number}" for number, level in enumerate(levels) if level <= max(levels) - MARGIN + 1e-9}
    calibration = Families("calibration", (1,) * CALIBRATION_ROWS, 0.0)
    counts = {"named": 0, "wrong": 0, "wrong, smallest first": 0}
    for _ in range(draws):
        accuracies = _answers(rng, calibration, levels, clones=clones).mean(axis=1)
        answers = _answers(rng, shape, levels, clones=clones)
        contenders = [
            Contender(f"m{number}", tuple(right), number + 1, float(accuracies[number]))
            for number, right in enumerate(answers.tolist())
        ]
        half = tuple(float(value) for value in rng.random(len(shape.names)) < 0.5)
        name = conclude([*contenders, Contender(MAJORITY, half)], shape.names, MARGIN).model
        counts["named"] += name is not None
        counts["wrong"] += name in worse
        counts["wrong, smallest first"] += _smallest_first(contenders, shape.names) in worse
    row: dict[str, object] = {"models": ladder, "families": shape.name, "shared": shape.shared}
    return row | {name: count / draws for name, count in counts.items()}


def _smallest_first(contenders: Sequence[Contender], families: Sequence[str]) -> str:
    """The rule that is not used: from the smallest up, each at 5 % against the best of the same rows."""
    best = max(contenders, key=lambda one: one.accuracy)
    for one in contenders:
        if one is best or upper_bound(pairs_of(best.right, one.right, families)) <= MARGIN:
            return one.name
    return best.name


def _answers(
    rng: np.random.Generator, shape: Families, levels: Sequence[float], *, clones: bool = False
) -> Floats:
    """Right (1) or wrong (0) [models, rows]; `clones` makes all but the last model answer nearly alike."""
    index = np.repeat(np.arange(len(shape.sizes)), shape.sizes)
    row, rows = 0.3, len(index)
    common = math.sqrt(row) * rng.standard_normal(rows)
    # A family's part is of the model: how much better one is than another depends on the family.
    parts = rng.standard_normal((len(levels), len(shape.sizes)))[:, index]
    own = rng.standard_normal((len(levels), rows))
    if clones:
        own[:-1] = math.sqrt(_CLONE) * own[0] + math.sqrt(1 - _CLONE) * own[:-1]
        parts[:-1] = parts[0]
    family = shape.shared * (1 - row)
    latent = common + math.sqrt(family) * parts + math.sqrt(1 - row - family) * own
    limits = norm.ppf(np.asarray(levels))[:, None]
    return np.asarray(latent <= limits, dtype=np.float64)


if __name__ == "__main__":
    for line in run():
        print(line)
