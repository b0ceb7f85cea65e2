"""Whether answers to the same rows are from the same served path as blessed ones: an exact permutation test. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

RESAMPLES = 9_999

# Probabilities of labels, or 1 for the verdict of an answer without probabilities.
Answer = Mapping[str, float]


def p_value(
    blessed: Sequence[Sequence[Answer]],
    current: Sequence[Answer],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> float:
    """The chance of such a difference if nothing changed. `blessed` has the runs of each row, `current` one answer a row.

    If the path is the same, the answers to a row are exchangeable: the current one may be any of them. The statistic is the
    distance of the current answer from the mean of the others, summed over the rows. So noise of the path, which the blessed
    runs show, is no change, and without noise four rows that differ are enough for p below 0.001 with five runs.
    """
    distances = [_distances([*runs, answer]) for runs, answer in zip(blessed, current, strict=True)]
    observed = sum(row[-1] for row in distances)
    rng = random.Random(seed)  # noqa: S311 - a test, not a secret
    # Sums of equal distances in another order differ in the last digits.
    least = observed * (1 - 1e-9)
    reached = sum(sum(rng.choice(row) for row in distances) >= least for _ in range(resamples))
    return (1 + reached) / (1 + resamples)


def _distances(answers: Sequence[Answer]) -> list[float]:
    """For each answer to one row its distance from the mean of the others."""
    labels = sorted({label for answer in answers for label in answer})
    rows = [[answer.get(label, 0.0) for label in labels] for answer in answers]
    totals = [sum(column) for column in zip(*rows, strict=True)]
    others = len(rows) - 1
    return [
        sum(abs(value - (total - value) / others) for value, total in zip(row, totals, strict=True)) / 2
        for row in rows
    ]
