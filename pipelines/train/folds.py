"""Folds of a cross-validation: no family in two of them, labels spread evenly over them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

MOST_FOLDS = 5
Places = NDArray[np.int64]


def number_of_folds(codes: Sequence[int] | Places, families: Sequence[Hashable]) -> int:
    """At most five, and no more than the families of the rarest label: each fold needs one to hold out."""
    by_code: dict[int, set[Hashable]] = {}
    for code, family in zip(codes, families, strict=True):
        by_code.setdefault(int(code), set()).add(family)
    return min(MOST_FOLDS, *(len(names) for names in by_code.values())) if by_code else 0


def stratified_folds(
    codes: Places, families: Sequence[Hashable], seed: int
) -> Iterator[tuple[Places, Places]]:
    """Pairs of places: those to learn from, and those held out. Nothing where a label has a single family.

    To hold out one label at a time, as a group fold of few families does, makes the rest favor the other label: random
    texts would reach an accuracy of 0.
    """
    count = number_of_folds(codes, families)
    if count < 2:
        return
    names = list(dict.fromkeys(families))
    groups = [names.index(family) for family in families]
    splitter = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
    yield from splitter.split(np.zeros(len(codes)), codes, groups)
