"""Open decisions, and the labels that would decide them. Pure.

`SOURCES` is the table of kinds: another kind of decision is a function that finds its open decisions in the same inputs, and
a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.compare.conclusion import Conclusion, Status
from pipelines.judge.criteria import Criterion
from pipelines.judge.trust import Side, Trust, labels_needed
from pipelines.statistics.sampling import exact_interval
from signalbox.certificate.boundary import NONE_ALLOWED, allowed_any_time
from signalbox.certificate.issue import Outlook
from signalbox.contracts.labels import Label
from signalbox.contracts.routes import Route
from signalbox.tasks.certificate import CertificateSpec

HALF_WIDTH = 0.05  # of the interval of the share of right answers, below which the estimate is no longer open
MOST_LABELS = 20_000


@dataclass(frozen=True)
class Decision:
    """`labels` count now, `needed` in total would decide; None: no plan can say. `answers` of the window depend on it.

    `route` None: it is about the models, whatever the route.
    """

    kind: str
    subject: str
    route: Route | None
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
    """Answers of a route in a language in the window, also by verdict, and the labels of those that were asked for."""

    route: Route
    language: str
    answers: int
    asked: int
    labels: int
    right: int
    verdicts: Mapping[Label, int] = field(default_factory=dict)


@dataclass(frozen=True)
class OpenCampaign:
    """The newest campaign of a key, and what its first green answers cost. `verdict` None: of all verdicts together."""

    route: Route
    language: str
    verdict: Label | None
    outlook: Outlook


@dataclass(frozen=True)
class Inputs:
    """What the sources read: answers, the newest summary of the judge by route, and its questions; campaigns, and what the
    task demands of a certificate; the newest comparison of models by tier and language.
    """

    answers: Sequence[Answers]
    summaries: Mapping[Route, Mapping[str, Any]]
    criteria: Sequence[Criterion]
    campaigns: Sequence[OpenCampaign] = ()
    certificate: CertificateSpec | None = None
    conclusions: Mapping[tuple[str, str], Conclusion] = field(default_factory=dict)

    def answers_of(self, route: Route, language: str) -> int:
        return sum(one.answers for one in self.answers if (one.route, one.language) == (route, language))

    def answers_in(self, language: str) -> int:
        """Answers in a language of the route that has the most."""
        return max((one.answers for one in self.answers if one.language == language), default=0)


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


def green_decisions(inputs: Inputs) -> list[Decision]:
    """Verdicts of which nothing is green yet, with the right labels that the first green answers need in total."""
    if inputs.certificate is None:
        return []
    planned = {(one.route, one.language, one.verdict): one.outlook for one in inputs.campaigns}
    decisions = []
    for one in inputs.answers:
        verdicts: dict[Label | None, int] = dict(one.verdicts.items())
        for verdict, answers in ({None: one.answers} if inputs.certificate.marginal else verdicts).items():
            outlook = planned.get((one.route, one.language, verdict))
            if outlook is None or outlook.missing != 0:
                decisions.append(_green(one, verdict, answers, outlook, inputs.certificate))
    return decisions


def _green(
    group: Answers, verdict: Label | None, answers: int, outlook: Outlook | None, spec: CertificateSpec
) -> Decision:
    named = f"({verdict or 'all verdicts'})"
    if outlook is None:
        needed, subject = fewest_labels(spec), f"first green answers {named}"
        return Decision("green", subject, group.route, group.language, 0, needed, answers)
    total = None if outlook.missing is None else outlook.labels + outlook.missing
    subject, share = f"surest {outlook.share:.0%} green {named}", round(outlook.share * answers)
    return Decision("green", subject, group.route, group.language, outlook.labels, total, share)


def compare_decisions(inputs: Inputs) -> list[Decision]:
    """Tiers and languages in which the newest comparison shows no model to do the task; labels are rows of the test split."""
    decisions = []
    for (tier, language), conclusion in inputs.conclusions.items():
        if conclusion.model is not None:
            continue
        more = [
            one.rows_more for one in conclusion.findings if one.status is Status.UNDECIDED and one.rows_more
        ]
        needed = conclusion.rows + min(more) if more else None
        subject = f"which model does it{f' on {tier}' if tier else ''}"
        answers = inputs.answers_in(language)
        decisions.append(Decision("compare", subject, None, language, conclusion.rows, needed, answers))
    return decisions


def fewest_labels(spec: CertificateSpec) -> int:
    """Labels without an error that a certificate needs at least."""
    allowed = allowed_any_time(spec.alpha, spec.delta, spec.labels, MOST_LABELS // 10)
    return next(m for m, errors in enumerate(allowed) if errors > NONE_ALLOWED)


SOURCES: Mapping[str, Source] = {
    "accuracy": accuracy_decisions,
    "judge": judge_decisions,
    "green": green_decisions,
    "compare": compare_decisions,
}


def open_decisions(inputs: Inputs, sources: Mapping[str, Source] = SOURCES) -> list[Decision]:
    """All open decisions, those first that settle the most answers for a label."""
    decisions = [decision for source in sources.values() for decision in source(inputs)]
    return sorted(
        decisions, key=lambda one: (-one.value, one.kind, one.route or "", one.language, one.subject)
    )


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
