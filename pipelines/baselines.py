"""Baselines that every model is compared with: majority, length, TF-IDF.

`python -m pipelines.baselines tasks/medical` prints what they reach on the test split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.classes import Classes
from signalbox.command import command_settings
from signalbox.contracts.labels import Label, LabelProbabilities, listed, ranking
from signalbox.contracts.record import LabeledText
from signalbox.errors import InputError
from signalbox.tasks import evaluation_rows, load_all, load_task, tiers_of


class Baseline(Protocol):
    """Learns from texts and labels. One that `knows_the_test_labels` learns from the rows that it is tested on."""

    knows_the_test_labels: ClassVar[bool]

    def fit(self, texts: Sequence[str], labels: Sequence[Label]) -> Self: ...

    def predict(self, texts: Sequence[str]) -> list[Label]:
        """The label of each text."""
        ...


class Majority:
    """The most frequent label of the test rows, on a tie the first of the task: what an answer without a model reaches."""

    knows_the_test_labels: ClassVar[bool] = True

    def __init__(self, classes: Classes) -> None:
        self._classes = classes

    def fit(self, texts: Sequence[str], labels: Sequence[Label]) -> Self:  # noqa: ARG002
        counts = Counter(labels)
        self._label = max(self._classes.answers, key=lambda label: counts[label])
        return self

    def predict(self, texts: Sequence[str]) -> list[Label]:
        return [self._label] * len(texts)


class _Classifier:
    """A logistic regression of `pipelines.classifiers`; two equally probable labels give the first of the task."""

    knows_the_test_labels: ClassVar[bool] = False
    _name: ClassVar[str]

    def __init__(self, classes: Classes) -> None:
        self._classes = classes

    def fit(self, texts: Sequence[str], labels: Sequence[Label]) -> Self:
        # Its import takes a second, and most who import this module fit nothing.
        from pipelines import classifiers  # noqa: PLC0415

        pipeline = getattr(classifiers, self._name)()
        self._pipeline = pipeline.fit(list(texts), self._classes.codes(labels))
        return self

    def probabilities(self, texts: Sequence[str]) -> list[LabelProbabilities]:
        """The probabilities of each text, in the order of the task."""
        return self._classes.named(self._classes.by_code(self._pipeline, list(texts)))

    def predict(self, texts: Sequence[str]) -> list[Label]:
        return [ranking(row)[0] for row in self.probabilities(texts)]


class Length(_Classifier):
    """Logistic regression on the number of characters."""

    _name = "length"


class Tfidf(_Classifier):
    """Logistic regression on TF-IDF of words and word pairs."""

    _name = "tfidf"


BASELINES: dict[str, Callable[[Classes], Baseline]] = {
    "majority": Majority,
    "length": Length,
    "tfidf": Tfidf,
}


def check_learnable(
    classes: Classes, rows: Sequence[LabeledText], languages: Collection[str], split: str = "few-shot"
) -> None:
    """InputError where a language has no row of a label to learn from."""
    for language in sorted(languages):
        present = {row.label for row in rows if row.language == language}
        missing = [label for label in classes.labels if label not in present]
        if missing:
            hint = (
                f"The baselines learn from it: add rows of {listed(missing)} in the language `{language}`, "
                "at least one of each label in every language of the test split."
            )
            raise InputError(split, f"{language}: {', '.join(sorted(present)) or 'no rows'}", hint)


def teach(baseline: Baseline, train: Sequence[LabeledText], test: Sequence[LabeledText]) -> Baseline:
    """The baseline after it learned from `train`, or from the labels of `test` if it knows them."""
    rows = test if baseline.knows_the_test_labels else train
    return baseline.fit([row.text for row in rows], [row.label for row in rows])


def accuracy(baseline: Baseline, train: Sequence[LabeledText], test: Sequence[LabeledText]) -> float:
    """Accuracy on `test` after learning from `train`."""
    verdicts = teach(baseline, train, test).predict([row.text for row in test])
    return float(np.mean([verdict == row.label for verdict, row in zip(verdicts, test, strict=True)]))


def teachable(classes: Classes, rows: Sequence[LabeledText]) -> list[LabeledText]:
    """Rows that a classifier can learn from: "none of these" is no class."""
    return [row for row in rows if row.label in classes.labels]


# Without borders, so that nothing is cut at 80 columns.
_STYLE: dict[str, Any] = {"box": box.SIMPLE, "pad_edge": False}


def main(folder: Path) -> None:
    """Print the accuracy of the baselines per tier and language, by what they learn from, and counts per label.

    Raises InputError where a split has no row of a label.
    """
    task = load_task(folder)
    classes, rows = Classes.of(task), load_all(task)
    learned = Table("tier", "lang", "trained on", "rows", "test rows", *BASELINES, **_STYLE)
    counts = Table("tier", "lang", "label", "test rows", "mean characters", **_STYLE)
    for tier in tiers_of(rows):
        test_rows = evaluation_rows(task, tier)
        for language in sorted(task.languages):
            here = [row for row in rows if (row.tier, row.language) == (tier, language)]
            test = [row for row in test_rows if row.language == language]
            if not test:
                raise InputError("split", "test", f"Add rows in the language `{language}` to data.jsonl.")
            for cells in _accuracies(classes, here, test, language):
                learned.add_row(tier or "", language, *cells)
            for cells in _lengths_by_label(classes, test):
                counts.add_row(tier or "", language, *cells)
    Console().print(learned, counts)


def _accuracies(
    classes: Classes, rows: Sequence[LabeledText], test: Sequence[LabeledText], language: str
) -> Iterator[list[str]]:
    for split in ("few-shot", "pool", "calibration"):
        train = teachable(classes, [row for row in rows if row.split == split])
        if split == "pool" and not train:
            continue
        check_learnable(classes, train, {language}, split)
        scores = [f"{accuracy(make(classes), train, test):.2f}" for make in BASELINES.values()]
        yield [split, str(len(train)), str(len(test)), *scores]


def _lengths_by_label(classes: Classes, test: Sequence[LabeledText]) -> Iterator[list[str]]:
    for label in classes.answers:
        lengths = [len(row.text) for row in test if row.label == label]
        yield [escape(label), str(len(lengths)), f"{np.mean(lengths):.0f}" if lengths else ""]


def _command(folder: Path) -> None:
    with command_settings():
        main(folder)


if __name__ == "__main__":
    typer.run(_command)
