"""Rows in clusters: what the tests of `cluster_permutation` need of a sample, in memory or not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]


class ClusteredRows(ABC):
    """Values with the cluster of each row. Labels are codes of `labels`; () for numbers."""

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """The label of each code."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def parts(self) -> Iterator[tuple[NDArray[Any], Keys]]:
        """Values and clusters, all rows of a cluster in one part: what is added up over parts needs one in memory."""

    @abstractmethod
    def blocks(self) -> Iterator[NDArray[Any]]:
        """All values in turn, in any order; each call begins anew."""

    def copy_numbers(self, target: NDArray[np.float64]) -> None:
        """Copy all values into an array of as many rows."""
        at = 0
        for block in self.blocks():
            target[at : at + len(block)], at = block, at + len(block)

    @property
    def effective(self) -> float:
        """Independent rows that carry as much: (sum of sizes)² / sum of squared sizes of the clusters (Kish 1965)."""
        return self._spread()[0]

    @property
    def repeats(self) -> bool:
        """Whether any cluster has several rows."""
        return self._spread()[1]

    def counts(self) -> dict[str, int]:
        """Rows of each label; empty for numbers."""
        names = self.labels
        if not names:
            return {}
        total = sum(
            (np.bincount(values, minlength=len(names)) for values in self.blocks()),
            np.zeros(len(names), dtype=np.int64),
        )
        return {name: int(count) for name, count in zip(names, total, strict=True) if count}

    def _spread(self) -> tuple[float, bool]:
        """Computed once for so many rows."""
        stored: tuple[int, tuple[float, bool]] | None = self.__dict__.get("_known_spread")
        if stored is None or stored[0] != len(self):
            stored = len(self), spread_of(clusters for _, clusters in self.parts())
            self.__dict__["_known_spread"] = stored
        return stored[1]


def spread_of(parts: Iterable[Keys]) -> tuple[float, bool]:
    """Effective rows, and whether any cluster has several, from the clusters of all rows."""
    total, squares, repeats = 0, 0.0, False
    for clusters in parts:
        ordered = np.sort(clusters)
        total += len(ordered)
        if not (ordered[1:] == ordered[:-1]).any():
            squares += len(ordered)
            continue
        starts = np.flatnonzero(np.concatenate([ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1]]))
        sizes = np.diff(starts, append=len(ordered)).astype(np.float64)
        squares, repeats = squares + float((sizes**2).sum()), True
    return (total**2 / squares if squares else 0.0), repeats


@dataclass(frozen=True)
class Clustered(ClusteredRows):
    """Values of one sample in memory, shape (rows,), numbers or labels, and the cluster of each row, whole numbers."""

    values: NDArray[Any]
    clusters: Keys

    @property
    def labels(self) -> tuple[str, ...]:
        return () if self._is_numeric else tuple(np.unique(self.values).tolist())

    def __len__(self) -> int:
        return len(self.clusters)

    def parts(self) -> Iterator[tuple[NDArray[Any], Keys]]:
        codes = self.values if self._is_numeric else np.unique(self.values, return_inverse=True)[1]
        yield codes, self.clusters

    def blocks(self) -> Iterator[NDArray[Any]]:
        yield next(self.parts())[0]

    @property
    def _is_numeric(self) -> bool:
        return bool(np.issubdtype(self.values.dtype, np.number))
