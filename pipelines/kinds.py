"""What the rows of the store mean for the drift job: codes of their kinds, and the output of the model. Pure.

A page has tens of thousands of rows and a few kinds, so what depends on the kind is worked out once.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from pipelines.classes import Classes, renamed
from pipelines.columns import Names
from pipelines.samples import outcome_of, output_of
from signalbox.contracts.light import LightReason
from signalbox.contracts.routes import Route
from signalbox.store import compared
from signalbox.store.compared import Kind
from signalbox.tasks import Task
from signalbox.thresholds import UNCALIBRATED

ROW = np.dtype(list(compared.FIELDS))
_EARLIER = "earlier"  # thresholds of a record of a version that did not name them

Places = NDArray[np.int64]


class Answers(NamedTuple):
    """Rows of one model under one set of thresholds; `release` is None where no model answered."""

    route: Route
    release: str | None
    thresholds: str


class _Output(IntEnum):
    """How the output follows from the two numbers of a row; WHOLE: it does not, all probabilities are needed."""

    NONE = 0
    FIRST = 1
    SECOND = 2
    SUM = 3
    DIFFERENCE = 4
    WHOLE = 5


class Kinds:
    """All kinds seen so far; a place is that of a kind among them. Arrays have a value for each place."""

    def __init__(self, task: Task) -> None:
        self._task, self._classes = task, Classes.of(task)
        self.verdicts, self.lights, self.outcomes = Names(task.verdict_of), Names(), Names()
        self.answers: list[Answers] = []
        self._kinds: dict[int, Kind] = {}
        self._build()

    def add(self, kinds: Mapping[int, Kind]) -> None:
        """More kinds, by hash. Places of before do not count any more."""
        if not kinds.keys() <= self._kinds.keys():
            self._kinds.update(kinds)
            self._build()

    def places(self, rows: NDArray[np.void]) -> tuple[Places, NDArray[np.bool_]]:
        """The place of the kind of each row, and whether it is known."""
        hashes = rows["kind"].astype(np.uint64)
        if not len(self._hashes):
            return np.zeros(len(rows), np.int64), np.zeros(len(rows), np.bool_)
        places = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        return places, self._hashes[places] == hashes

    def outputs(self, rows: NDArray[np.void], places: Places) -> tuple[NDArray[np.float64], Places]:
        """Not a number where there is no output, and the rows of which all probabilities are needed."""
        rules = self._rules[places]
        outputs = np.full(len(rows), np.nan)
        for rule in np.flatnonzero(np.bincount(rules)).tolist():
            inside = rules == rule
            own = slice(None) if inside.all() else inside
            outputs[own] = _output(_Output(rule), rows[own])
        return outputs, np.flatnonzero(rules == _Output.WHOLE)

    def output(self, probabilities: Mapping[str, float] | None) -> float:
        """Of all probabilities, by the names of today."""
        if probabilities is not None:
            probabilities = renamed(self._task, probabilities)
        output = output_of(probabilities, self._classes)
        return np.nan if output is None else output

    def _build(self) -> None:
        hashes = sorted(self._kinds)
        kinds = [self._kinds[one] for one in hashes]
        answers = [Answers(cast("Route", one.route), one.release_key, _thresholds_of(one)) for one in kinds]
        self.answers = list(dict.fromkeys(answers))
        self._hashes = np.array(hashes, np.uint64)
        self._rules = np.array([self._rule(one.labels) for one in kinds], np.int64)
        self.answers_of = np.array([self.answers.index(one) for one in answers], np.int64)
        self.route_of = np.array([one.route for one in kinds], dtype=object)
        self.verdict_of = self.verdicts.codes((one.verdict for one in kinds), len(kinds))
        self.light_of = self.lights.codes((one.candidate_light for one in kinds), len(kinds))
        outcomes = (outcome_of(one.light_reason, has_release=one.release_key is not None) for one in kinds)
        self.outcome_of = self.outcomes.codes(outcomes, len(kinds))

    def _rule(self, labels: tuple[str, ...] | None) -> _Output:
        names = [self._task.current(label) or label for label in labels or ()]
        positive, several = self._classes.positive, len(set(names)) > 1
        if positive is None:
            if not several:
                return _Output.NONE
            if len(names) == 2:
                return _Output.DIFFERENCE
            # The margin does not depend on names, unless two labels became one.
            return _Output.FIRST if len(set(names)) == len(names) else _Output.WHOLE
        if positive not in names:
            return _Output.NONE
        if len(names) > 2:
            return _Output.WHOLE
        if len(names) == 2 and not several:
            return _Output.SUM
        return _Output.FIRST if names[0] == positive else _Output.SECOND


def _output(rule: _Output, rows: NDArray[np.void]) -> Any:  # noqa: ANN401 - an array or a number
    match rule:
        case _Output.FIRST:
            return rows["first"]
        case _Output.SECOND:
            return rows["second"]
        case _Output.SUM:
            return rows["first"] + rows["second"]
        case _Output.DIFFERENCE:
            return np.abs(rows["first"] - rows["second"])
        case _:
            return np.nan


def _thresholds_of(kind: Kind) -> str:
    if kind.thresholds_digest:
        return kind.thresholds_digest
    return UNCALIBRATED if kind.light_reason == LightReason.UNCALIBRATED else _EARLIER
