"""The labels of a task as the classes of a model, and records under the names that labels have today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from signalbox.contracts.labels import ABSTAIN, BINARY, NEUTRAL, YES, Label, LabelProbabilities, slugs
from signalbox.contracts.record import Record
from signalbox.tasks import Task

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Classes:
    """The labels in the order of the task; `positive` is one of two, None for more.

    scikit-learn gets whole numbers: the position of the label, but of two labels 1 for the positive one, because a
    binary model has a single score, that of class 1.
    """

    labels: tuple[Label, ...]
    positive: Label | None = None
    abstain: bool = False

    @classmethod
    def of(cls, task: Task) -> Self:
        """Those of a task."""
        return cls(task.names, task.positive, task.abstain)

    @property
    def answers(self) -> tuple[Label, ...]:
        """What people may say: the labels, then ABSTAIN if the task abstains."""
        return (*self.labels, ABSTAIN) if self.abstain else self.labels

    @property
    def verdicts(self) -> tuple[Label, ...]:
        """What a model may say: the labels, then NEUTRAL."""
        return (*self.labels, NEUTRAL)

    @property
    def slugs(self) -> dict[Label, str]:
        """Names for metrics and paths, of NEUTRAL too."""
        return {**slugs(self.answers), NEUTRAL: NEUTRAL}

    def codes(self, labels: Sequence[Label]) -> NDArray[np.int64]:
        """The class of each label. KeyError for a label that is none."""
        code = {label: number for number, label in enumerate(self._order)}
        return np.array([code[label] for label in labels], dtype=np.int64)

    def by_code(self, classifier: Any, features: Any) -> Floats:  # noqa: ANN401 - scikit-learn is untyped
        """Probabilities [n, classes] of a fitted classifier; 0 for a class without a row to learn from."""
        columns = np.asarray(classifier.predict_proba(features), dtype=np.float64)
        full = np.zeros((len(columns), len(self.labels)))
        full[:, classifier.classes_] = columns
        # From vectors in single precision, rows sum to 1 only nearly.
        if self.positive is not None:
            full[:, 0] = 1.0 - full[:, 1]
            return full
        return np.asarray(full / full.sum(axis=1, keepdims=True))

    def named(self, by_code: Floats) -> list[LabelProbabilities]:
        """The same rows by label, in the order of the task."""
        places = [(label, self._order.index(label)) for label in self.labels]
        return [{label: float(row[place]) for label, place in places} for row in by_code]

    @property
    def _order(self) -> tuple[Label, ...]:
        if self.positive is None:
            return self.labels
        return (*(label for label in self.labels if label != self.positive), self.positive)


YES_NO = Classes(BINARY, YES)


def today(task: Task, record: Record) -> Record:
    """A record under the names that labels have today; it stays as it is where nothing was renamed."""
    verdict = task.verdict_of(record.verdict)
    probabilities = None if record.probabilities is None else renamed(task, record.probabilities)
    if verdict == record.verdict and probabilities == record.probabilities:
        return record
    return record.model_copy(update={"verdict": verdict, "probabilities": probabilities})


def renamed(task: Task, probabilities: Mapping[Label, float]) -> LabelProbabilities:
    """Two labels that became one since have the sum of their probabilities."""
    result: LabelProbabilities = {}
    for label, p in probabilities.items():
        name = task.current(label) or label
        result[name] = result.get(name, 0.0) + p
    return result
