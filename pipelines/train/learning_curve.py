"""Learning curve: accuracy over the number of labels, per language, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from pipelines.classes import Classes
from pipelines.statistics import accuracy_interval
from signalbox.contracts.record import LabeledText

SIZES = (0, 8, 16, 32, 48)
REPEATS = 5


@dataclass(frozen=True)
class Point:
    """Mean accuracy after learning from `labels` further labels of this language."""

    language: str
    labels: int
    accuracy: float
    low: float
    high: float


def learning_curve(
    classes: Classes,
    rows: Sequence[LabeledText],
    pool: Sequence[LabeledText],
    vectors: dict[str, NDArray[np.float32]],
) -> tuple[Point, ...]:
    """Learn from a part of `pool` as if it were feedback, and test on other families of it.

    The interval is that of one pass over the pool (Clopper-Pearson below 200 rows); repeats share rows and
    therefore do not narrow it.
    """
    points = []
    for language in sorted({row.language for row in pool}):
        here = [row for row in pool if row.language == language]
        for size in SIZES:
            accuracy = _accuracy(classes, rows, here, vectors, size)
            if accuracy is not None:
                low, high = accuracy_interval(round(accuracy * len(here)), len(here))
                points.append(Point(language, size, accuracy, low, high))
    return tuple(points)


def _accuracy(
    classes: Classes,
    rows: Sequence[LabeledText],
    pool: Sequence[LabeledText],
    vectors: dict[str, NDArray[np.float32]],
    size: int,
) -> float | None:
    families = [row.family for row in pool]
    if len(set(families)) < 2:  # nothing to hold out
        return None
    folds = GroupKFold(n_splits=min(5, len(set(families))), shuffle=True, random_state=0)
    generator = np.random.default_rng(0)
    right = total = 0
    for train, test in folds.split(pool, groups=families):
        if size > len(train):
            return None
        for _ in range(REPEATS if size else 1):
            feedback = [pool[i] for i in generator.permutation(train)[:size]]
            right += _right(classes, [*rows, *feedback], [pool[i] for i in test], vectors)
            total += len(test)
    return right / total


def _right(
    classes: Classes,
    train: Sequence[LabeledText],
    test: Sequence[LabeledText],
    vectors: dict[str, NDArray[np.float32]],
) -> int:
    classifier = LogisticRegression(C=1.0, max_iter=1000)
    classifier.fit(
        np.array([vectors[row.text] for row in train]), classes.codes([row.label for row in train])
    )
    verdicts = classifier.predict(np.array([vectors[row.text] for row in test]))
    return int((verdicts == classes.codes([row.label for row in test])).sum())
