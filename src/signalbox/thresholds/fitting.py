"""Fit of cut-offs on calibration rows. Pure."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from signalbox.contracts.labels import ABSTAIN, NO, YES, Label, LabelProbabilities, margin, ranking
from signalbox.thresholds.calibration import fit_calibration
from signalbox.thresholds.cuts import Thresholds, VerdictCuts

MINIMUM_ROWS = 20  # Fitted on fewer, a cut-off does not carry over to new rows.
TARGET_ERROR = 0.10


def fit(
    probabilities: Sequence[LabelProbabilities],
    labels: Sequence[Label],
    *,
    positive: Label | None = None,
    target_error: float = TARGET_ERROR,
) -> Thresholds:
    """Fit cut-offs on calibration rows: their probabilities, all of the same labels, and their ground truth.

    `positive` is the positive one of two labels and defaults to the first. Raises ValueError on fewer than
    MINIMUM_ROWS rows, rows of one label only, or other labels.
    """
    if len(probabilities) != len(labels):
        raise ValueError(f"{len(probabilities)} answers for {len(labels)} labels")
    verdicts = [label for label in probabilities[0] if label != ABSTAIN] if probabilities else []
    if any(set(row) != set(probabilities[0]) for row in probabilities):
        raise ValueError("the answers have different labels")
    if probabilities and len(probabilities[0]) > 2:
        return _fit_margins(verdicts, probabilities, labels, target_error)
    positive = positive or next(iter(verdicts), YES)
    negative = next((label for label in verdicts if label != positive), NO)
    p = [row[positive] for row in probabilities]
    return fit_binary(
        p, [label == positive for label in labels], target_error, positive=positive, negative=negative
    )


def fit_binary(
    p_positive: list[float],
    labels: list[bool],
    target_error: float = TARGET_ERROR,
    *,
    positive: Label = YES,
    negative: Label = NO,
) -> Thresholds:
    """Fit the cut-offs of two labels.

    `decision` maximises balanced accuracy (middle of the gap, nearest to ½ on a tie). The confident zones
    are the largest tails of at least `fewest_rows` whose empirical error is ≤ `target_error`; an empirical error carries
    no guarantee (a naive rule, kept provisional: the certificate replaces it). The unclear zone is the half-width
    around `decision` in which accuracy is not above ½. Raises ValueError on fewer than MINIMUM_ROWS rows,
    a single class, or a number that is no probability.
    """
    if len(p_positive) != len(labels):
        raise ValueError(f"{len(p_positive)} probabilities for {len(labels)} labels")
    if len(p_positive) < MINIMUM_ROWS or len(set(labels)) < 2:
        raise ValueError(f"needs at least {MINIMUM_ROWS} rows of both labels, got {len(p_positive)} rows")
    if not all(0.0 <= p <= 1.0 for p in p_positive):
        raise ValueError("every probability must lie between 0 and 1")
    rows = sorted(zip(p_positive, labels, strict=True))
    decision = _decision(rows)
    # Rounded, so that rows equally far on both sides are a tie despite their last bits.
    distances = sorted((round(abs(p - decision), 9), (p >= decision) == label) for p, label in rows)
    unclear = _unclear_width(distances, 0.5)
    # One row that is right is no evidence: models that know nothing had a zone in 77 % of the fits of 80 rows.
    fewest = fewest_rows(target_error)
    upper = _tail([(p, label) for p, label in reversed(rows) if p >= decision], target_error, fewest)
    lower = _tail([(p, not label) for p, label in rows if p < decision], target_error, fewest)
    verdicts = {
        positive: VerdictCuts(confident=upper, unclear=min(1.0, decision + unclear)),
        negative: VerdictCuts(confident=lower, unclear=max(0.0, decision - unclear)),
    }
    return Thresholds(
        positive=positive, decision=decision, verdicts=verdicts, rows=len(rows), target_error=target_error
    )


def _fit_margins(
    verdicts: Sequence[Label],
    probabilities: Sequence[LabelProbabilities],
    labels: Sequence[Label],
    target_error: float,
) -> Thresholds:
    """Fit the cut-offs of each verdict on the margins of the rows that get it; a guess is right in 1 of n rows.

    A confident zone needs `fewest_rows`: so few rows that an error of the target cannot show are no evidence.
    """
    if len(labels) < MINIMUM_ROWS or len(set(labels)) < 2:
        raise ValueError(
            f"needs at least {MINIMUM_ROWS} rows of two labels or more, got {len(labels)} rows of {len(set(labels))}"
        )
    rows = [(ranking(row)[0], margin(row), label) for row, label in zip(probabilities, labels, strict=True)]
    cuts = {}
    for verdict in verdicts:
        here = sorted((width, label == verdict) for best, width, label in rows if best == verdict)
        near = [(round(width, 9), correct) for width, correct in here]
        cuts[verdict] = VerdictCuts(
            confident=_tail(here[::-1], target_error, fewest_rows(target_error)),
            unclear=min(1.0, _unclear_width(near, 1 / len(verdicts))),
        )
    visible = [(width, label == best) for best, width, label in rows if best != ABSTAIN]
    calibration = fit_calibration([width for width, _ in visible], [right for _, right in visible])
    return Thresholds(verdicts=cuts, rows=len(rows), target_error=target_error, calibration=calibration)


def fewest_rows(target_error: float) -> int:
    """Rows of a verdict from which one wrong row is no more than the target."""
    if target_error <= 0:
        return MINIMUM_ROWS
    return math.ceil(min(1 / target_error, sys.maxsize))  # the inverse of a tiny number is infinite


def sparse_verdicts(thresholds: Thresholds, probabilities: Sequence[LabelProbabilities]) -> dict[Label, int]:
    """Verdicts that fewer than `fewest_rows` of the calibration rows got, with their number of rows."""
    counts = Counter(thresholds.verdict(row) for row in probabilities)
    fewest = fewest_rows(thresholds.target_error)
    return {verdict: counts[verdict] for verdict in thresholds.verdicts if counts[verdict] < fewest}


def _decision(rows: list[tuple[float, bool]]) -> float:
    """Middle of the gap between two neighbours that maximises balanced accuracy."""
    positives = sum(label for _, label in rows)
    negatives = len(rows) - positives
    best, best_score, false_no, true_no = 0.5, -1, 0, 0
    for (p, label), (following, _) in pairwise(rows):
        false_no += label
        true_no += not label
        if p == following:
            continue
        # Balanced accuracy times 2 · positives · negatives: whole numbers, so that ties are ties.
        score = (positives - false_no) * negatives + true_no * positives
        middle = (p + following) / 2
        if middle <= p:  # Neighbouring floats: rounding must not move a row to the other side.
            middle = following
        if (score, -abs(middle - 0.5)) > (best_score, -abs(best - 0.5)):
            best, best_score = middle, score
    return best


def _tail(rows: Sequence[tuple[float, bool]], target_error: float, fewest: int) -> float | None:
    """Last value of the longest prefix (whole ties) of (value, correct) with error ≤ target; None if there is none.

    A prefix of fewer than `fewest` rows is none.
    """
    errors, bound = 0, None
    for index, (value, correct) in enumerate(rows):
        errors += not correct
        tie_continues = index + 1 < len(rows) and rows[index + 1][0] == value
        if not tie_continues and index + 1 >= fewest and errors / (index + 1) <= target_error:
            bound = value
    return bound


def _unclear_width(by_distance: Sequence[tuple[float, bool]], guess: float) -> float:
    """Largest distance within which at most the share `guess` of the rows (whole ties) is right.

    The zone's end is exclusive, so it reaches half the way to the next row, or past the last one.
    """
    right, width = 0, 0.0
    for count, (distance, correct) in enumerate(by_distance, start=1):
        right += correct
        following = by_distance[count][0] if count < len(by_distance) else 1.0 + distance
        if following > distance and right <= count * guess:
            width = (distance + following) / 2
    return width
