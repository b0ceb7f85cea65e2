"""Baselines as answers: majority, length and TF-IDF reply to the rows like a model, from this process."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pipelines.baselines import BASELINES, Baseline, teach
from pipelines.classes import Classes
from pipelines.compare.models.journal import Reply
from pipelines.compare.rows import Cell, row_key
from pipelines.compare.scoring import Replies
from signalbox.contracts.labels import LabelProbabilities, ranking
from signalbox.contracts.record import LabeledText

REFERENCES = ("tfidf", "length", "majority")


def replies_of(name: str, cell: Cell, classes: Classes) -> Replies:
    """The baseline's answers to the test and calibration rows of a cell; one call per text, timed like a model's."""
    baseline = teach(BASELINES[name](classes), cell.learning, cell.test)
    rows: Sequence[LabeledText] = (
        cell.test if baseline.knows_the_test_labels else (*cell.test, *cell.calibration)
    )
    return {(row_key(row), 0): _reply(baseline, row) for row in rows}


def _reply(baseline: Baseline, row: LabeledText) -> Reply:
    start = time.perf_counter()
    probabilities = _probabilities(baseline, row.text)
    stated = ranking(probabilities)[0] if probabilities else baseline.predict([row.text])[0]
    seconds = time.perf_counter() - start
    return Reply(row=row_key(row), repeat=0, stated=stated, probabilities=probabilities, seconds=seconds)


def _probabilities(baseline: Baseline, text: str) -> LabelProbabilities | None:
    by_text = getattr(baseline, "probabilities", None)
    rows: list[LabelProbabilities] = by_text([text]) if by_text else []
    return rows[0] if rows else None
