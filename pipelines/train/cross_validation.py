"""Scores of candidates by cross-validation over families, repeated with other folds. Figures are per language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.classes import Classes, Floats
from pipelines.statistics import Interval, family_interval
from pipelines.train.candidates import Candidate, TextVectors, fit
from pipelines.train.folds import stratified_folds
from signalbox.contracts.record import LabeledText

REPEATS = 3
FEWEST_ROWS = 20  # of a language; below, an accuracy says too little to be printed
_LEAST = 1e-6  # probability of a label that a fold had no row of


@dataclass(frozen=True)
class HeldOut:
    """Rows of one language that were held out: their accuracy, with its interval over families."""

    rows: int
    families: int
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class Score:
    """Out-of-fold results of one candidate, by language. An accuracy of fewer than 20 rows is None."""

    candidate: Candidate
    log_loss: dict[str, float]
    accuracy: dict[str, HeldOut | None]

    @property
    def criterion(self) -> float:
        """What decides the choice: the mean of the languages' log losses, so that each counts alike."""
        return sum(self.log_loss.values()) / len(self.log_loss)


def cross_validate(
    candidate: Candidate, classes: Classes, rows: Sequence[LabeledText], vectors: TextVectors
) -> Score:
    """Each row is predicted once a repeat, by a head that has seen no row of its family."""
    codes = classes.codes([row.label for row in rows])
    families = [row.family for row in rows]
    losses, right = np.zeros(len(rows)), np.zeros(len(rows))
    for seed in range(REPEATS):
        for train, test in stratified_folds(codes, families, seed):
            held_out = [rows[i] for i in test]
            p = predict(candidate, classes, [rows[i] for i in train], held_out, vectors)
            losses[test] -= np.log(np.maximum(p[np.arange(len(test)), codes[test]], _LEAST)) / REPEATS
            right[test] += hits(classes, p, held_out) / REPEATS
    languages = np.array([row.language for row in rows])
    loss, accuracy = {}, {}
    for language in sorted(set(languages)):
        here = np.flatnonzero(languages == language)
        loss[str(language)] = float(losses[here].mean())
        accuracy[str(language)] = held_out_of(right[here], [families[i] for i in here])
    return Score(candidate, loss, accuracy)


def predict(
    candidate: Candidate,
    classes: Classes,
    train: Sequence[LabeledText],
    test: Sequence[LabeledText],
    vectors: TextVectors,
) -> Floats:
    """Probabilities [n, classes] of `test` after learning from `train`; certain, where that has a single label."""
    labels = {row.label for row in train}
    if len(labels) == 1:  # nothing to tell apart: a classifier would not fit
        p = np.zeros((len(test), len(classes.labels)))
        p[:, classes.codes(list(labels))[0]] = 1.0
        return p
    return fit(candidate, classes, train, vectors).by_code([row.text for row in test])


def hits(classes: Classes, p: Floats, rows: Sequence[LabeledText]) -> Floats:
    """1 where the most probable label is that of the row, else 0."""
    verdicts = [max(named, key=named.__getitem__) for named in classes.named(p)]
    return np.array([float(verdict == row.label) for verdict, row in zip(verdicts, rows, strict=True)])


def held_out_of(right: Floats, families: Sequence[str]) -> HeldOut | None:
    """The accuracy of rows, each averaged over its repeats; None for fewer than 20."""
    if len(right) < FEWEST_ROWS:
        return None
    interval = family_interval(right.tolist(), families)
    return HeldOut(len(right), len(set(families)), float(right.mean()), interval)
