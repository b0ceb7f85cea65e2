"""Open decisions, and the labels that would decide them. Pure.

`SOURCES` is the table of kinds: another kind of decision, such as a certificate or a comparison of models, is a function that
finds its open decisions in the same inputs, and a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.judge.criteria import Criterion
from pipelines.judge.trust import Side, Trust, labels_needed
from pipelines.statistics.sampling import exact_interval
from signalbox.contracts.routes import Route

HALF_WIDTH = 0.05  # of the interval of the share of right answers, below which the estimate is no longer open
MOST_LABELS = 20_000


@dataclass(frozen=True)
class Decision:
    """`labels` count now, `needed` in total would decide; None: no plan can say. `answers` of the window depend on it."""

    kind: str
    subject: str
    route: Route
    language: str
    labels: int
    needed: int | None
    answers: int

    @property
    def missing(self) -> int | None:
        """Labels still to give."""
        return None if self.needed is None else max(0, self.needed - self.labels)

    @property
    def value(self) -> float:
        """Answers of the window for each missing label."""
        return self.answers / max(1, self.missing) if self.missing is not None else 0.0


@dataclass(frozen=True)
class Answers:
    """Answers of a route in a language in the window, and the labels of those that were asked for."""

    route: Route
    language: str
    answers: int
    asked: int
    labels: int
    right: int


@dataclass(frozen=True)
class Inputs:
    """What the sources read: answers, the newest summary of the judge by route, and its questions."""

    answers: Sequence[Answers]
    summaries: Mapping[Route, Mapping[str, Any]]
    criteria: Sequence[Criterion]

    def answers_of(self, route: Route, language: str) -> int:
        return sum(one.answers for one in self.answers if (one.route, one.language) == (route, language))


Source = Callable[[Inputs], list[Decision]]


def accuracy_decisions(inputs: Inputs) -> list[Decision]:
    """Languages whose share of right answers is known no better than HALF_WIDTH, from labels that were asked for."""
    decisions = []
    for one in inputs.answers:
        share = one.right / one.labels if one.labels else 0.5
        needed = labels_for_width(share, HALF_WIDTH)
        if needed is None or one.labels < needed:
            subject = f"share of right answers within {100 * HALF_WIDTH:.0f} points"
            decision = Decision("accuracy", subject, one.route, one.language, one.labels, needed, one.answers)
            decisions.append(decision)
    return decisions


def judge_decisions(inputs: Inputs) -> list[Decision]:
    """Criteria on which the judge is neither trusted nor untrusted yet. Unchecked criteria have no labels to wait for."""
    checked = {criterion.name for criterion in inputs.criteria if criterion.checked}
    decisions = []
    for route, summary in inputs.summaries.items():
        judge = summary["plan"]["options"]["judge"]
        for row in summary["figures"]:
            gate = row.get("gate")
            if row["criterion"] not in checked or (gate and gate["trust"] != Trust.INCONCLUSIVE):
                continue
            labels = gate["right"]["labels"] + gate["wrong"]["labels"] if gate else 0
            needed = gate["labels_needed"] if gate else labels_needed(Side(0, 0), Side(0, 0))
            language = row["language"]
            subject = f"trust in the judge on {row['criterion']} ({judge})"
            answers = inputs.answers_of(route, language)
            decisions.append(Decision("judge", subject, route, language, labels, needed, answers))
    return decisions


SOURCES: Mapping[str, Source] = {"accuracy": accuracy_decisions, "judge": judge_decisions}


def open_decisions(inputs: Inputs, sources: Mapping[str, Source] = SOURCES) -> list[Decision]:
    """All open decisions, those first that settle the most answers for a label."""
    decisions = [decision for source in sources.values() for decision in source(inputs)]
    return sorted(decisions, key=lambda one: (-one.value, one.kind, one.route, one.language, one.subject))


def labels_for_width(share: float, half_width: float) -> int | None:
    """The fewest labels with which the exact interval of a share is at most so wide to either side, on average."""
    low, high = 1, MOST_LABELS

    def narrow(count: int) -> bool:
        bounds = exact_interval(share, count)
        return bounds[1] - bounds[0] <= 2 * half_width

    if not narrow(high):
        return None
    while low < high:  # the width falls with the rows
        middle = (low + high) // 2
        low, high = (low, middle) if narrow(middle) else (middle + 1, high)
    return low
