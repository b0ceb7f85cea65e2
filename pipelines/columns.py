"""Columns of values, each with a key of the text of its row: in memory up to RUN_ROWS rows, beyond that in a temporary file.

Memory stays flat however many records there are. A run of a column is ordered by parts of the keys, so that all rows of one
text can be read together (`Column.parts`).
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.statistics.clustered import ClusteredRows, Keys, spread_of

RUN_ROWS = 1 << 16  # 1 MiB of numbers with their keys
_PARTS_BITS = 6
_PARTS = 1 << _PARTS_BITS
_MOST_IN_MEMORY = 1 << 20  # rows of one part that are joined at once
_KEY = np.dtype(np.uint64)


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
            count = os.pwrite(self._handle, view, self._size)
            self._size, view = self._size + count, view[count:]
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
    """Places of keys and of each column in the file; `bounds` (PARTS + 1,) are the rows where parts begin."""

    keys: int
    values: Mapping[str, int]
    bounds: NDArray[np.int64]


class Rows:
    """Rows with a key each and one or more columns, so that the keys of several columns are kept and sorted once."""

    def __init__(self, spill: Spill) -> None:
        self._spill = spill
        self._kinds: dict[str, np.dtype[Any]] = {}
        self._pages: list[tuple[Mapping[str, NDArray[Any]], Keys]] = []
        self._runs: list[_Run] = []
        self._buffered = self._count = 0
        self._known_spread: tuple[int, tuple[float, bool]] | None = None

    def __len__(self) -> int:
        return self._count

    def extend(self, columns: Mapping[str, NDArray[Any]], keys: Keys) -> None:
        """Add rows; a column keeps the type of its first values."""
        kinds = {name: self._kinds.setdefault(name, values.dtype) for name, values in columns.items()}
        page = {name: np.asarray(values, kinds[name]) for name, values in columns.items()}
        self._pages.append((page, keys))
        self._buffered += len(keys)
        self._count += len(keys)
        if self._buffered >= RUN_ROWS:
            self._flush()

    @property
    def keys(self) -> Keys:
        """All keys, in the order of `blocks`."""
        keys = [self._spill.read(run.keys, int(run.bounds[-1]), _KEY) for run in self._runs]
        return np.concatenate([*keys, *(page[1] for page in self._pages), np.empty(0, _KEY)])

    @property
    def spread(self) -> tuple[float, bool]:
        """Effective rows, and whether any key repeats; computed once for so many rows."""
        if self._known_spread is None or self._known_spread[0] != self._count:
            self._known_spread = self._count, spread_of(keys for _, keys in self.parts(None))
        return self._known_spread[1]

    def blocks(self, name: str) -> Iterator[NDArray[Any]]:
        """A column, oldest rows first; within a run of the file ordered by part, not by time."""
        for run in self._runs:
            yield self._spill.read(run.values[name], int(run.bounds[-1]), self._kinds[name])
        yield from (page[name] for page, _ in self._pages)

    def newest(self, name: str, rows: int) -> NDArray[Any]:
        """The last rows; of a run that is not needed as a whole, those of some keys."""
        blocks = [page[name] for page, _ in self._pages]
        for run in reversed(self._runs):
            if sum(map(len, blocks)) >= rows:
                break
            blocks.insert(0, self._spill.read(run.values[name], int(run.bounds[-1]), self._kinds[name]))
        return np.concatenate(blocks)[-rows:] if rows and blocks else np.empty(0)

    def parts(self, name: str | None) -> Iterator[tuple[NDArray[Any], Keys]]:
        """A column, or none, and the keys; all rows of a key are in one part."""
        joined = max(1, _PARTS * _MOST_IN_MEMORY // max(1, self._count))
        for first in range(0, _PARTS, joined) if self._runs else (0,):
            yield self._part(name, first, min(_PARTS, first + joined) if self._runs else _PARTS)

    def _part(self, name: str | None, first: int, last: int) -> tuple[NDArray[Any], Keys]:
        kind = np.dtype(np.float64) if name is None else self._kinds.get(name, np.dtype(np.float64))
        values, keys = [np.empty(0, kind)], [np.empty(0, _KEY)]
        for run in self._runs:
            start, rows = int(run.bounds[first]), int(run.bounds[last] - run.bounds[first])
            keys.append(self._spill.read(run.keys + start * _KEY.itemsize, rows, _KEY))
            if name is not None:
                values.append(self._spill.read(run.values[name] + start * kind.itemsize, rows, kind))
        for page, page_keys in self._pages:
            inside = slice(None) if last - first == _PARTS else _is_in(page_keys, first, last)
            keys.append(page_keys[inside])
            if name is not None:
                values.append(page[name][inside])
        return np.concatenate(values), np.concatenate(keys)

    def _flush(self) -> None:
        keys = np.concatenate([page[1] for page in self._pages])
        part = _part_of(keys)
        order = np.argsort(part, kind="stable")
        places = {
            name: self._spill.write(np.concatenate([page[name] for page, _ in self._pages])[order])
            for name in self._kinds
        }
        bounds = np.concatenate([[0], np.cumsum(np.bincount(part, minlength=_PARTS))])
        self._runs.append(_Run(self._spill.write(keys[order]), places, bounds))
        self._pages, self._buffered = [], 0


class Column(ClusteredRows):
    """Numbers, or codes of the labels in `names`: a column of `rows`, which may have others."""

    def __init__(self, names: Names | None = None, rows: Rows | None = None, name: str = "") -> None:
        self.names, self._name = names, name
        self.rows = Rows(Spill()) if rows is None else rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> tuple[str, ...]:
        return () if self.names is None else tuple(self.names.labels)

    def extend(self, values: NDArray[Any], keys: Keys) -> None:
        """Add rows, where there is no other column: numbers, or codes of `names`."""
        self.rows.extend({self._name: values}, keys)

    @property
    def values(self) -> list[Any]:
        """All values; labels as texts. Within a run of the file they are ordered by part, not by time."""
        values: list[Any] = self.newest(len(self)).tolist()
        return values

    @property
    def texts(self) -> Keys:
        """The keys of the same rows."""
        return self.rows.keys

    def newest(self, rows: int) -> NDArray[Any]:
        """The values of the last rows; of a run that is not needed as a whole, those of some texts."""
        values = self.rows.newest(self._name, rows)
        if self.names is None:
            return values
        return np.array(self.names.labels, dtype=object)[values.astype(np.int64)]

    def parts(self) -> Iterator[tuple[NDArray[Any], Keys]]:
        """Values and keys; all rows of a text are in one part."""
        return self.rows.parts(self._name)

    def blocks(self) -> Iterator[NDArray[Any]]:
        return self.rows.blocks(self._name)

    def _spread(self) -> tuple[float, bool]:
        return self.rows.spread


def _part_of(keys: Keys) -> NDArray[np.uint8]:
    # Multiplied, because keys that are no hashes, as in tests, are equal in their first bits.
    mixed = keys * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(64 - _PARTS_BITS)).astype(np.uint8)


def _is_in(keys: Keys, first: int, last: int) -> NDArray[np.bool_]:
    part = _part_of(keys)
    return (part >= first) & (part < last)
