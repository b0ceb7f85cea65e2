"""Kolmogorov-Smirnov of numbers that are read in blocks, several times: memory does not grow with them. Pure.

D is exact, not that of a histogram. Numbers are counted in bins, which gives the gap at the edges of bins and a bound of the gap
within each. Only the numbers of bins whose bound is larger than the largest gap so far are read again, and sorted.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipelines.statistics.clustered import ClusteredRows
from pipelines.statistics.gaps import limit_outcome
from pipelines.statistics.profiles import Coding
from pipelines.statistics.two_sample import Outcome, finite

_BITS = 16
BINS = 1 << _BITS
_CODE_BITS = 48  # of a number; those of one code are sorted, as any others
_MOST_AT_ONCE = 1 << 20  # numbers, 8 MiB

Counts = NDArray[np.int64]  # (2, bins)
Samples = tuple[ClusteredRows, ClusteredRows]


@dataclass(frozen=True)
class _Window:
    """Codes in [first, first + 2^bits), in bins of 2^shift, and the rows of each sample before it."""

    first: int
    bits: int
    before: tuple[int, int]

    @property
    def shift(self) -> int:
        return max(0, self.bits - _BITS)

    def bin(self, place: int, counts: Counts) -> _Window:
        """One of its bins."""
        before = np.array(self.before) + counts[:, :place].sum(axis=1)
        return _Window(self.first + (place << self.shift), self.shift, (int(before[0]), int(before[1])))


_ALL = _Window(0, _CODE_BITS, (0, 0))


class StreamedNumbers:
    """Two samples. A number has a code, a whole number that does not fall as the number grows."""

    def __init__(self, reference: ClusteredRows, current: ClusteredRows) -> None:
        self._samples: Samples = (reference, current)
        self._sizes = len(reference), len(current)
        low, high, is_whole = zip(
            *(_limits(name, one) for name, one in zip(("reference", "current"), self._samples, strict=True)),
            strict=True,
        )
        # Halves, because the difference of two finite numbers may not be finite.
        self._low, extent = min(low) / 2, max(high) / 2 - min(low) / 2
        self._has_bin_each = all(is_whole) and 2 * extent < BINS
        if self._has_bin_each:
            self._factor = 2.0 ** (1 + _ALL.shift)
        else:
            # Finite, so that no code of a subnormal extent is not a number.
            self._factor = min(2.0**_CODE_BITS / extent, sys.float_info.max) if extent else 0.0
        self._counts = self._counted(_ALL)

    @cached_property
    def outcome(self) -> Outcome:
        """The test of independent rows, by the limit distribution."""
        return limit_outcome(self.gap, self._sizes)

    @cached_property
    def gap(self) -> float:
        """D of both samples, exact."""
        largest, windows = 0.0, [_ALL]
        while windows:
            window = windows.pop()
            counts = self._counts if window is _ALL else self._counted(window)
            largest, places = self._open_bins(window, counts, largest)
            if self._has_bin_each:
                return largest
            rows = counts[:, places].sum(axis=0)
            is_large = (rows > _MOST_AT_ONCE) & (window.shift > 0)
            windows += [
                one
                for one in (window.bin(place, counts) for place in places[is_large].tolist())
                if not self._is_constant(one)
            ]
            for some in _batches(places[~is_large], rows[~is_large]):
                largest = max(largest, self._gap_within(window, counts, some))
        return largest

    def is_tied(self, share: float) -> bool:
        """Whether one number has more than this share of the rows."""
        most, windows = share * sum(self._sizes), [_ALL]
        while windows:
            window = windows.pop()
            counts = self._counts if window is _ALL else self._counted(window)
            for place in np.flatnonzero(counts.sum(axis=0) > most).tolist():
                inner = window.bin(place, counts)
                if self._is_constant(inner):
                    return True
                if window.shift:
                    windows.append(inner)
                elif _most_equal(np.concatenate(self._inside(window, np.array([place])))) > most:
                    return True
        return False

    def coding(self, bins: int) -> tuple[Coding, int]:
        """At most so many bins of equal shares, as codes, and their number; each number of its own where they are few."""
        rows = self._counts.sum(axis=0)
        if np.count_nonzero(rows) <= bins:
            table = np.maximum(np.cumsum(rows > 0) - 1, 0)
        else:
            middle = (np.cumsum(rows) - rows / 2) / rows.sum()
            table = np.unique((middle * bins).astype(np.int64), return_inverse=True)[1]

        def code(values: NDArray[np.float64]) -> NDArray[np.int64]:
            return np.asarray(table[self._codes(values) >> _ALL.shift], dtype=np.int64)

        return code, int(table.max()) + 1

    def _open_bins(self, window: _Window, counts: Counts, largest: float) -> tuple[float, NDArray[np.int64]]:
        """The largest gap with that at the edges of bins, and the bins within which it may be larger."""
        sizes = np.array(self._sizes)[:, None]
        after = np.cumsum(counts, axis=1) + np.array(window.before)[:, None]
        above, below = after / sizes, (after - counts) / sizes
        largest = max(largest, float(np.abs(above[0] - above[1]).max()))
        bound = np.maximum(above[0] - below[1], above[1] - below[0])
        # With rows of one sample only, the gap within is between those at the edges.
        return largest, np.flatnonzero((bound > largest) & (counts > 0).all(axis=0))

    def _gap_within(self, window: _Window, counts: Counts, places: NDArray[np.int64]) -> float:
        """The largest gap at the numbers of some bins."""
        sides = [np.sort(side) for side in self._inside(window, places)]
        points = np.concatenate(sides)
        if not len(points):
            return 0.0
        bins = np.searchsorted(places, (self._codes(points) - window.first) >> window.shift)
        shares = []
        for side, own, before, size in zip(sides, counts, window.before, self._sizes, strict=True):
            rows_before = np.cumsum(own)[places] - own[places] + before
            read_before = np.cumsum(own[places]) - own[places]
            rank = np.searchsorted(side, points, side="right") - read_before[bins]
            shares.append((rows_before[bins] + rank) / size)
        return float(np.abs(shares[0] - shares[1]).max())

    def _inside(self, window: _Window, places: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        """The numbers of some bins, of each sample."""
        is_inside = np.zeros(BINS, dtype=np.bool_)
        is_inside[places] = True
        return [
            np.concatenate(
                [np.empty(0), *(block[is_inside[bins]] for block, bins in self._binned(one, window))]
            )
            for one in self._samples
        ]

    def _is_constant(self, window: _Window) -> bool:
        """Whether all its numbers are one."""
        extremes: set[float] = set()
        for sample in self._samples:
            for block, _ in self._binned(sample, window):
                if len(block):
                    extremes |= {float(block.min()), float(block.max())}
        return len(extremes) == 1

    def _counted(self, window: _Window) -> Counts:
        counts = np.zeros((2, BINS), dtype=np.int64)
        for own, sample in zip(counts, self._samples, strict=True):
            for _, bins in self._binned(sample, window):
                np.add(own, np.bincount(bins, minlength=BINS), out=own)
        return counts

    def _binned(
        self, sample: ClusteredRows, window: _Window
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
        """Numbers in a window, and the bin of each."""
        for block in sample.blocks():
            values = np.asarray(block, dtype=np.float64)
            codes = self._codes(values)
            if window is not _ALL:
                inside = (codes >= window.first) & (codes < window.first + (1 << window.bits))
                values, codes = values[inside], codes[inside] - window.first
            yield values, codes >> window.shift

    def _codes(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        # Each step rounds without changing an order.
        codes: NDArray[np.int64] = ((np.asarray(values, np.float64) / 2 - self._low) * self._factor).astype(
            np.int64
        )
        np.minimum(codes, (1 << _CODE_BITS) - 1, out=codes)
        return codes


def _limits(name: str, sample: ClusteredRows) -> tuple[float, float, bool]:
    """Smallest and largest number, and whether all are whole. ValueError as of `finite`."""
    if not len(sample):
        finite(name, [])
    low, high, is_whole = math.inf, -math.inf, True
    for block in sample.blocks():
        if len(block):
            values = finite(name, block)
            low, high = min(low, float(values.min())), max(high, float(values.max()))
            is_whole = is_whole and bool((values == np.floor(values)).all())
    return low, high, is_whole


def _batches(places: NDArray[np.int64], rows: Counts) -> Iterator[NDArray[np.int64]]:
    """Bins, in order, so that each batch but one of a single bin has few enough numbers."""
    first, total = 0, 0
    for place, count in enumerate(rows.tolist()):
        if total and total + count > _MOST_AT_ONCE:
            yield places[first:place]
            first, total = place, 0
        total += count
    if total:
        yield places[first:]


def _most_equal(values: NDArray[np.float64]) -> int:
    return int(np.unique(values, return_counts=True)[1].max())
