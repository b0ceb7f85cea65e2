"""p-values by resampling, with an end as soon as more draws would change nothing. Pure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# Resamples as large as the observed value: a p-value far above any level needs no more precision.
ENOUGH = 20
_ROUNDING = 1e-12  # equal statistics are equal only up to rounding

Floats = NDArray[np.float64]


def sequential_p_value(
    draw: Callable[[int], Floats], observed: float, resamples: int, at_once: int = 250
) -> float:
    """(1 + as large) / (1 + resamples); or, once ENOUGH were as large, their share so far (Besag & Clifford 1991).

    `draw(count)` gives the statistic of so many resamples.
    """
    total = as_large = 0
    while total < resamples:
        count = min(resamples - total, at_once)
        (hits,) = np.nonzero(draw(count) >= observed - _ROUNDING)
        if as_large + len(hits) >= ENOUGH:
            return float(ENOUGH / (total + hits[ENOUGH - as_large - 1] + 1))
        total, as_large = total + count, as_large + len(hits)
    return (1 + as_large) / (1 + resamples)
