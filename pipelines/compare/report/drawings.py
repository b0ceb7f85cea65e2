"""Geometry of the report's drawings: from numbers to places in the coordinates of an SVG. Pure.

A drawing is WIDTH units wide, about the pixels of a small phone, so that its text stays readable there; on a larger screen
it is scaled up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.statistics import Interval

WIDTH = 320.0
_ROW = 34.0  # height of a row of the interval plot
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 12.0, 10.0, 30.0  # margins of a plot with two axes
_HEIGHT = 200.0


@dataclass(frozen=True)
class Tick:
    """A mark of an axis."""

    place: float
    text: str


@dataclass(frozen=True)
class Bar:
    """A row of the interval plot: a name, a value and an interval."""

    name: str
    text: str
    y: float
    low: float
    high: float
    value: float
    emphasis: bool


@dataclass(frozen=True)
class Intervals:
    """Ranked intervals on one scale, with a line at the majority."""

    height: float
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    reference: float


@dataclass(frozen=True)
class Point:
    """A mark of a plot with two axes; `number` names it in the legend, `low` and `high` are the ends of its interval."""

    number: int
    x: float
    y: float
    low: float
    high: float
    front: bool


@dataclass(frozen=True)
class Scatter:
    """Accuracy over a resource on a logarithmic axis. `front` is the line through the points that none dominates."""

    height: float
    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    front: str
    bottom: float
    left: float
    right: float
    top: float


def intervals(rows: Sequence[tuple[str, str, float, Interval, bool]], reference: float) -> Intervals:
    """The interval plot of rows of name, text, value, interval and emphasis."""
    start = math.floor(10 * min(reference, *(low for _, _, _, (low, _), _ in rows))) / 10
    start = min(max(0.0, start), 0.9)

    def place(value: float) -> float:
        return round(4 + (WIDTH - 8) * (value - start) / (1 - start), 1)

    bars = tuple(
        Bar(name, text, _ROW * number + 14, place(low), place(high), place(value), emphasis)
        for number, (name, text, value, (low, high), emphasis) in enumerate(rows)
    )
    step = 0.1 if start >= 0.5 else 0.2
    count = round((1 - start) / step)
    marks = [1 - step * number for number in range(count + 1) if 1 - step * number >= start - 1e-9]
    ticks = tuple(Tick(place(mark), f"{mark:.1f}") for mark in reversed(marks))
    return Intervals(_ROW * len(rows) + 26, bars, ticks, place(reference))


def scatter(rows: Sequence[tuple[int, float, float, Interval]], *, join: bool = False) -> Scatter:
    """The plot of rows of number, resource above 0, accuracy and interval. `join`: the line is through all points."""
    xs, lows = [x for _, x, _, _ in rows], [low for _, _, _, (low, _) in rows]
    first, last = math.floor(math.log10(min(xs))), math.ceil(math.log10(max(xs)))
    last = max(last, first + 1)
    start = min(0.9, math.floor(10 * min(lows)) / 10)
    bottom, right = _HEIGHT - _BOTTOM, WIDTH - _RIGHT

    def across(value: float) -> float:
        return round(_LEFT + (right - _LEFT) * (math.log10(value) - first) / (last - first), 1)

    def up(value: float) -> float:
        return round(bottom - (bottom - _TOP) * (value - start) / (1 - start), 1)

    best = {number for number, _, _, _ in rows} if join else front(rows)
    points = tuple(
        Point(number, across(x), up(y), up(low), up(high), number in best)
        for number, x, y, (low, high) in rows
    )
    every = 1 if last - first <= 5 else 2
    x_ticks = tuple(Tick(across(10.0**power), _power(power)) for power in range(first, last + 1, every))
    step = 0.1 if start >= 0.5 else 0.2
    marks = [1 - step * number for number in range(round((1 - start) / step) + 1)]
    y_ticks = tuple(Tick(up(mark), f"{mark:.1f}") for mark in marks if mark >= start - 1e-9)
    line = " ".join(f"{point.x},{point.y}" for point in sorted(points, key=lambda one: one.x) if point.front)
    return Scatter(_HEIGHT, points, x_ticks, y_ticks, line, bottom, _LEFT, right, _TOP)


def front(rows: Sequence[tuple[int, float, float, Interval]]) -> set[int]:
    """Numbers of the Pareto front: no other row has at least this accuracy with less of the resource."""
    best, numbers = -math.inf, set()
    for number, _, accuracy, _ in sorted(rows, key=lambda row: (row[1], -row[2])):
        if accuracy > best:
            best = accuracy
            numbers.add(number)
    return numbers


def _power(power: int) -> str:
    value = 10.0**power
    return f"{value:g}" if -3 <= power <= 4 else f"1e{power}"
