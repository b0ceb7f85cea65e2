"""Profiles of clusters: how many rows of each code a cluster has. Clusters of one profile are alike, so they are counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from pipelines.statistics.clustered import ClusteredRows, Keys

Codes = NDArray[np.int64]
Coding = Callable[[NDArray[np.float64]], Codes]


@dataclass
class Profiles:
    """Counts of the profiles of both samples together; `units` and `totals` (codes,) are of each sample."""

    width: int
    units: list[int]
    totals: list[NDArray[np.int64]]
    _pure: dict[tuple[int, int], int]
    _mixed: dict[int, tuple[Codes, Codes, int]]

    @classmethod
    def of(
        cls, samples: tuple[ClusteredRows, ClusteredRows], coding: tuple[Coding, Coding], width: int
    ) -> Profiles:
        """`coding` gives the codes below `width` of the values of each sample."""
        profiles = cls(width, [0, 0], [np.zeros(width, np.int64) for _ in samples], {}, {})
        for side, sample in enumerate(samples):
            for values, clusters in sample.parts():
                codes = np.asarray(coding[side](values), dtype=np.int64)
                profiles.totals[side] += np.bincount(codes, minlength=width)
                profiles.units[side] += profiles._add(codes, clusters)
        return profiles

    def matrix(self) -> tuple[csr_matrix, NDArray[np.int64]]:
        """Rows by code of each profile, (profiles, codes), and the clusters that have it."""
        pure = sorted(self._pure)
        mixed = [self._mixed[key] for key in sorted(self._mixed)]
        lengths = [1] * len(pure) + [len(codes) for codes, _, _ in mixed]
        indices = np.concatenate([[code for code, _ in pure], *(codes for codes, _, _ in mixed)]).astype(
            np.int64
        )
        data = np.concatenate([[rows for _, rows in pure], *(rows for _, rows, _ in mixed)]).astype(np.int64)
        shape = (len(lengths), self.width)
        counts = [*(self._pure[key] for key in pure), *(count for _, _, count in mixed)]
        return csr_matrix((data, indices, np.cumsum([0, *lengths])), shape=shape), np.array(counts, np.int64)

    def _add(self, codes: Codes, clusters: Keys) -> int:
        """The number of clusters."""
        order = np.lexsort((codes, clusters))
        codes, clusters = codes[order], clusters[order]
        is_first = np.ones(len(codes), dtype=bool)
        is_first[1:] = clusters[1:] != clusters[:-1]
        starts = is_first.copy()
        starts[1:] |= codes[1:] != codes[:-1]
        at = np.flatnonzero(starts)  # the first row of each cluster and code
        codes, rows, opens = codes[at], np.diff(at, append=len(codes)), np.flatnonzero(is_first[at])
        lengths = np.diff(opens, append=len(codes))
        self._add_pure(codes[opens[lengths == 1]], rows[opens[lengths == 1]])
        self._add_mixed(codes, rows, opens[lengths > 1], lengths[lengths > 1])
        return len(opens)

    def _add_pure(self, codes: Codes, rows: Codes) -> None:
        """Clusters of one code, which nearly all are."""
        pairs, counts = np.unique(rows * self.width + codes, return_counts=True)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            key = (pair % self.width, pair // self.width)
            self._pure[key] = self._pure.get(key, 0) + count

    def _add_mixed(self, codes: Codes, rows: Codes, opens: Codes, lengths: Codes) -> None:
        """By a hash of 64 bits, the sum over the codes: of a million profiles, two are equal with a chance below 1e-7."""
        if not len(opens):
            return
        starts = np.cumsum(lengths) - lengths
        inside = np.repeat(opens - starts, lengths) + np.arange(lengths.sum())
        hashes = np.add.reduceat(_hash(codes[inside], rows[inside]), starts)
        keys, first, counts = np.unique(hashes, return_index=True, return_counts=True)
        for key, place, count in zip(keys.tolist(), first.tolist(), counts.tolist(), strict=True):
            own = slice(int(opens[place]), int(opens[place] + lengths[place]))
            before = self._mixed.get(key)
            self._mixed[key] = (codes[own], rows[own], count + (before[2] if before else 0))


def _hash(codes: Codes, rows: Codes) -> NDArray[np.uint64]:
    """splitmix64 of each pair (Steele et al. 2014, doi:10.1145/2714064.2660195)."""
    mixed = codes.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + rows.astype(np.uint64) * np.uint64(
        0xD1B54A32D192ED03
    )
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
