"""Columns of values, each with a key of the text of its row: in memory up to RUN_ROWS rows, beyond that in a temporary file.

Memory stays flat however many records there are. A run of a column is ordered by parts of the keys, so that all rows of one
text can be read together (`Column.parts`).
"""

from __future__ import annotations

import itertools
import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.statistics.clustered import ClusteredRows, Keys

RUN_ROWS = 1 << 16  # 1 MiB of numbers with their keys
_PARTS_BITS = 4
_PARTS = 1 << _PARTS_BITS
_MOST_IN_MEMORY = 1 << 20  # rows of one part that are joined at once


class Spill:
    """A temporary file without a name, created when it is needed."""

    def __init__(self) -> None:
        self._handle: int | None = None
        self._size = 0

    def write(self, values: NDArray[Any]) -> int:
        """Append an array; returns its place."""
        if self._handle is None:
            self._handle, path = tempfile.mkstemp(prefix="signalbox-columns-")
            os.unlink(path)  # noqa: PTH108 - the file goes with its handle, even if the process is killed
            weakref.finalize(self, os.close, self._handle)
        place, view = self._size, memoryview(values.tobytes())
        while view:
            written = os.pwrite(self._handle, view, self._size)
            self._size, view = self._size + written, view[written:]
        return place

    def read(self, place: int, rows: int, kind: np.dtype[Any]) -> NDArray[Any]:
        """Rows of an array from a place in bytes."""
        if not rows or self._handle is None:
            return np.empty(0, kind)
        return np.frombuffer(os.pread(self._handle, rows * kind.itemsize, place), dtype=kind)


class Names(dict[Any, int]):
    """Codes of labels, counted up as they are seen. `translate` gives the label of a raw value."""

    def __init__(self, translate: Callable[[Any], str] = str) -> None:
        super().__init__()
        self._translate = translate
        self.labels: list[str] = []

    def __missing__(self, raw: object) -> int:
        name = self._translate(raw)
        if name not in self.labels:
            self.labels.append(name)
        self[raw] = code = self.labels.index(name)
        return code

    def codes(self, raw: Iterable[object], rows: int) -> NDArray[np.uint16]:
        """The code of each value, of so many rows. An iterator that frees its values spares the garbage collector."""
        return np.fromiter(map(self.__getitem__, raw), np.uint16, rows)


@dataclass(frozen=True)
class _Run:
    """Places of keys and values in the file; `bounds` (PARTS + 1,) are the rows where parts begin."""

    keys: int
    values: int
    bounds: NDArray[np.int64]


@dataclass
class Column(ClusteredRows):
    """Numbers, or codes of the labels in `names`."""

    names: Names | None = None
    spill: Spill = field(default_factory=Spill)
    _pages: list[tuple[NDArray[Any], Keys]] = field(default_factory=list)
    _runs: list[_Run] = field(default_factory=list)
    _buffered: int = 0
    _rows: int = 0

    def __len__(self) -> int:
        return self._rows

    @property
    def labels(self) -> tuple[str, ...]:
        return () if self.names is None else tuple(self.names.labels)

    def extend(self, values: NDArray[Any], keys: Keys) -> None:
        """Add rows: numbers, or codes of `names`."""
        self._pages.append((np.asarray(values, self._kind), keys))
        self._buffered += len(keys)
        self._rows += len(keys)
        if self._buffered >= RUN_ROWS:
            self._flush()

    @property
    def values(self) -> list[Any]:
        """All values; labels as texts. Within a run of the file they are ordered by part, not by time."""
        values: list[Any] = self.newest(self._rows).tolist()
        return values

    @property
    def texts(self) -> Keys:
        """The keys of the same rows."""
        keys = [self.spill.read(run.keys, int(run.bounds[-1]), np.dtype(np.uint64)) for run in self._runs]
        return np.concatenate([*keys, *(page[1] for page in self._pages), np.empty(0, np.uint64)])

    def newest(self, rows: int) -> NDArray[Any]:
        """The values of the last rows; of a run that is not needed as a whole, those of some texts."""
        blocks = [values for values, _ in self._pages]
        for run in reversed(self._runs):
            if sum(map(len, blocks)) >= rows:
                break
            blocks.insert(0, self.spill.read(run.values, int(run.bounds[-1]), self._kind))
        values = (
            np.concatenate([*blocks, np.empty(0, self._kind)])[-rows:] if rows else np.empty(0, self._kind)
        )
        return values if self.names is None else np.array(self.names.labels, dtype=object)[values]

    def parts(self) -> Iterator[tuple[NDArray[Any], Keys]]:
        """Values and keys; all rows of a text are in one part."""
        joined = max(1, _PARTS * _MOST_IN_MEMORY // max(1, self._rows))
        for first in range(0, _PARTS, joined) if self._runs else (0,):
            yield self._part(first, min(_PARTS, first + joined) if self._runs else _PARTS)

    def copy_numbers(self, target: NDArray[np.float64]) -> None:
        blocks = (self.spill.read(run.values, int(run.bounds[-1]), self._kind) for run in self._runs)
        at = 0
        for block in itertools.chain(blocks, (values for values, _ in self._pages)):
            target[at : at + len(block)], at = block, at + len(block)

    @property
    def _kind(self) -> np.dtype[Any]:
        return np.dtype(np.float64 if self.names is None else np.uint16)

    def _part(self, first: int, last: int) -> tuple[NDArray[Any], Keys]:
        values, keys = [np.empty(0, self._kind)], [np.empty(0, np.uint64)]
        for run in self._runs:
            start, rows = int(run.bounds[first]), int(run.bounds[last] - run.bounds[first])
            values.append(self.spill.read(run.values + start * self._kind.itemsize, rows, self._kind))
            keys.append(self.spill.read(run.keys + start * 8, rows, np.dtype(np.uint64)))
        for page_values, page_keys in self._pages:
            inside = slice(None) if last - first == _PARTS else _is_in(page_keys, first, last)
            values.append(page_values[inside])
            keys.append(page_keys[inside])
        return np.concatenate(values), np.concatenate(keys)

    def _flush(self) -> None:
        values, keys = (np.concatenate(column) for column in zip(*self._pages, strict=True))
        part = _part_of(keys)
        order = np.argsort(part, kind="stable")
        bounds = np.concatenate([[0], np.cumsum(np.bincount(part, minlength=_PARTS))])
        self._runs.append(_Run(self.spill.write(keys[order]), self.spill.write(values[order]), bounds))
        self._pages, self._buffered = [], 0


def _part_of(keys: Keys) -> NDArray[np.uint8]:
    # Multiplied, because keys that are no hashes, as in tests, are equal in their first bits.
    mixed = keys * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(64 - _PARTS_BITS)).astype(np.uint8)


def _is_in(keys: Keys, first: int, last: int) -> NDArray[np.bool_]:
    part = _part_of(keys)
    return (part >= first) & (part < last)
