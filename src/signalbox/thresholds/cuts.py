"""Cut-offs of one language, by verdict, and what they say about the probabilities of an answer. Pure."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import Field, model_validator

from signalbox.contracts.labels import (
    ABSTAIN,
    NO,
    YES,
    Label,
    LabelProbabilities,
    Probability,
    Verdict,
    margin,
    ranking,
)
from signalbox.contracts.record import Contract
from signalbox.thresholds.calibration import MarginCalibration

_OLD_FIELDS = {"confident_yes", "confident_no", "unclear_low", "unclear_high"}
UNCALIBRATED = "uncalibrated"  # in place of a digest
_NO_CUT = 0.5  # of a task with two labels that is not calibrated


class VerdictCuts(Contract):
    """Cut-offs of one verdict. None: it is confident nowhere."""

    confident: Probability | None
    unclear: Probability


class Thresholds(Contract):
    """Cut-offs for one language.

    Two labels: they are on the probability of the label `positive`, which is the verdict from `decision` on. The
    positive verdict is confident from its cut-off up, the other one from its cut-off down; between the `unclear`
    cut-offs of both (exclusive) the calibration rows were no better than a guess.

    More labels: the verdict is the most probable label. The cut-offs are on its margin over the runner-up: confident
    from there up, and below `unclear` no better than a guess. `positive` and `decision` are None, and `calibration`
    says what a margin is worth, for all verdicts together.
    """

    positive: Label | None = None
    decision: Probability | None = None
    verdicts: dict[Label, VerdictCuts] = Field(min_length=2)
    rows: int = Field(gt=0)
    target_error: Probability = Field(description="Error aimed at among confident answers; no guarantee.")
    calibration: MarginCalibration | None = Field(
        default=None, description="Share of right answers over the margin, for more than two labels."
    )

    @model_validator(mode="before")
    @classmethod
    def _upgraded(cls, value: Any) -> Any:  # noqa: ANN401 - whatever is validated
        """Read the form of the first version, which had one pair of labels."""
        if not isinstance(value, dict) or not value.keys() >= _OLD_FIELDS:
            return value
        verdicts = {
            YES: {"confident": value["confident_yes"], "unclear": value["unclear_high"]},
            NO: {"confident": value["confident_no"], "unclear": value["unclear_low"]},
        }
        rest = {name: field for name, field in value.items() if name not in _OLD_FIELDS}
        return {**rest, "positive": YES, "verdicts": verdicts}

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        binary = self.positive is not None
        if binary != (self.decision is not None):
            raise ValueError("positive and decision belong together")
        if binary and (len(self.verdicts) != 2 or self.positive not in self.verdicts):
            raise ValueError("with positive, the verdicts are that label and one other")
        return self

    @property
    def negative(self) -> Label | None:
        """The other one of two labels."""
        return (
            next((label for label in self.verdicts if label != self.positive), None)
            if self.positive
            else None
        )

    def cover(self, probabilities: LabelProbabilities) -> bool:
        """Whether the thresholds are for these labels: a label that was added or renamed since has none."""
        rest = {ABSTAIN} if self.positive is None else set()
        return set(probabilities) - rest == set(self.verdicts)

    def verdict(self, probabilities: LabelProbabilities) -> Verdict:
        """The verdict. Raises KeyError for other labels (`cover`)."""
        if self.positive is None or self.negative is None or self.decision is None:
            return ranking(probabilities)[0]
        return self.positive if probabilities[self.positive] >= self.decision else self.negative

    def is_confident(self, probabilities: LabelProbabilities) -> bool:
        """Whether the verdict is in its confident zone."""
        if self.positive is None or self.negative is None:
            low = self.verdicts[ranking(probabilities)[0]].confident
            return low is not None and margin(probabilities) >= low
        p = probabilities[self.positive]
        high, low = self.verdicts[self.positive].confident, self.verdicts[self.negative].confident
        return (high is not None and p >= high) or (low is not None and p <= low)

    def is_unclear(self, probabilities: LabelProbabilities) -> bool:
        """Inside the unclear zone: its ends are outside, but where it is cut off at 0 or 1 it holds them."""
        if self.positive is None or self.negative is None:
            high = self.verdicts[ranking(probabilities)[0]].unclear
            return margin(probabilities) < high or high == 1.0
        p = probabilities[self.positive]
        low, high = self.verdicts[self.negative].unclear, self.verdicts[self.positive].unclear
        return low < high and (p > low or low == 0.0) and (p < high or high == 1.0)


def digest_of(thresholds: Sequence[Thresholds | None]) -> str | None:
    """16 hex digits that change with any cut-off of the models that a text passed, in their order.

    None is a model without thresholds. UNCALIBRATED where no model has any, and None without a model.
    """
    if not thresholds:
        return None
    if all(one is None for one in thresholds):
        return UNCALIBRATED
    parts = ["none" if one is None else one.model_dump_json() for one in thresholds]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def score_of(probabilities: Mapping[Label, float], thresholds: Thresholds | None) -> float:
    """How sure a verdict is, as the light uses it; larger is surer.

    Two labels: |logit p - logit cut|. More labels: the share of answers that were right at this margin of the two best
    in the calibration; the margin itself where there is none.
    """
    if len(probabilities) != 2:
        calibration = thresholds.calibration if thresholds is not None else None
        width = margin(probabilities)
        return width if calibration is None else calibration.share_right(width)
    if thresholds is None or thresholds.positive is None or thresholds.decision is None:
        return abs(logit(next(iter(probabilities.values()))) - logit(_NO_CUT))
    return abs(logit(probabilities[thresholds.positive]) - logit(thresholds.decision))


def logit(p: float) -> float:
    """log(p / (1 - p)), finite at both ends."""
    p = min(max(p, sys.float_info.epsilon), 1.0 - sys.float_info.epsilon)
    return math.log(p / (1.0 - p))
