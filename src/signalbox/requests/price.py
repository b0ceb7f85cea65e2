"""The price of the next green answers: how many more right labels pass the next threshold of a campaign. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.certificate.boundary import allowed_any_time, allowed_once
from signalbox.certificate.evidence import Evidence, Label, draw_of, evaluate
from signalbox.certificate.issue import plan_of
from signalbox.certificate.planning import Plan
from signalbox.contracts.certificate import Campaign
from signalbox.requests.labels import RequestedLabel

_MOST_MORE = 1000


@dataclass(frozen=True)
class Price:
    """Where a campaign is. `share` is the share of the answers of its verdict, the surest first.

    `labels` and `wrong` are counted above the next threshold; `more` right ones in a row pass it, which takes about `texts`
    requests of the zone. `more` None: the errors until now leave no way, or all thresholds have passed (`share` is None).
    `green`: the share that the labels certify now. `asked` and `answered` are of the whole zone.
    """

    labels: int
    wrong: int
    more: int | None
    texts: int | None
    share: float | None
    green: float
    asked: int
    answered: int

    @property
    def needed(self) -> int | None:
        """Labels in all until the next threshold passes."""
        return None if self.more is None else self.labels + self.more

    @property
    def response(self) -> float:
        """Share of what was asked that has an answer; 1 if nothing was asked."""
        return self.answered / self.asked if self.asked else 1.0


def price_of(campaign: Campaign, requested: Sequence[RequestedLabel]) -> Price:
    """The price after labels in the order asked."""
    answered = [
        Label(label.score, label.wrong, label.propensity, draw_of(campaign.seed, label.input_sha256))
        for label in requested
        if label.wrong is not None
    ]
    plan = plan_of(campaign)
    rows = evaluate(answered, plan)
    passed = next((index for index, row in enumerate(rows) if not row.passed), len(rows))
    green = rows[passed - 1].share if passed else 0.0
    counts = (len(requested), len(answered))
    if passed == len(rows):
        return Price(rows[-1].labels, rows[-1].errors, None, None, None, green, *counts)
    row = rows[passed]
    more = _more(row, plan)
    texts = None if more is None else math.ceil(more * plan.shares[-1] / row.share)
    return Price(row.labels, row.errors, more, texts, row.share, green, *counts)


def _more(row: Evidence, plan: Plan) -> int | None:
    """Right labels in a row after which a threshold passes."""
    for labels in range(max(1, row.labels), row.labels + _MOST_MORE):
        # A table of the length that is needed: its cost grows with the square of it.
        table = (
            allowed_once(plan.alpha, plan.delta, labels)
            if plan.once
            else allowed_any_time(plan.alpha, plan.delta, plan.labels, labels)
        )
        has_passed = row.passed_at is not None or row.errors <= table[labels]
        if has_passed and row.errors <= plan.alpha * labels:
            return labels - row.labels
    return None
