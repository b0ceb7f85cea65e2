"""Costs by size, and the slope of a cost over a size on logarithmic axes."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Seconds of one piece of work, and CPU seconds of the processes that do it."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Growth:
    """A path at one size; `size` counts what the path's table names."""

    size: int
    cost: Cost

    def row(self) -> dict[str, float]:
        """As it is kept, to four significant digits."""
        return {
            "size": self.size,
            "seconds": float(f"{self.cost.seconds:.4g}"),
            "cpu_seconds": float(f"{self.cost.cpu_seconds:.4g}"),
        }


def timed(work: Callable[[], object]) -> Cost:
    """The cost of work in this process."""
    started, cpu_started = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - started, time.process_time() - cpu_started)


def over_sizes(sizes: Sequence[int], measure: Callable[[int], Cost], rounds: int) -> list[Growth]:
    """Medians of rounds; each size once a round, so that other work on the machine affects all sizes."""
    costs: dict[int, list[Cost]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size in sizes:
            costs[size].append(measure(size))
    return [Growth(size, median_of(costs[size])) for size in sizes]


def median_of(costs: Sequence[Cost]) -> Cost:
    """The median of each of the two figures."""
    seconds = statistics.median(cost.seconds for cost in costs)
    return Cost(seconds, statistics.median(cost.cpu_seconds for cost in costs))


def slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Exponent k of cost ~ size^k by least squares on logarithms: 0 is flat, 1 is proportional.

    NaN for fewer than two sizes, and where a cost is 0, which is below the clock's resolution.
    """
    if len(sizes) < 2 or min(costs) <= 0:
        return math.nan
    x, y = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    return statistics.linear_regression(x, y).slope
