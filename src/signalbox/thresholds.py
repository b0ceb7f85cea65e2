"""Thresholds on p(yes), fitted on the calibration split: one file a release, one entry a language.

A threshold file belongs to exactly one release and task: another release starts uncalibrated.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

from pydantic import Field, ValidationError

from signalbox.contracts.record import Contract, ModelRelease, Probability
from signalbox.errors import InputError
from signalbox.io import write_whole

_NAME_CHARACTERS = 60  # File systems allow 255 bytes; a served model's name may be a long path.
MINIMUM_ROWS = 20  # Fitted on fewer, a cut-off does not carry over to new rows.


class Thresholds(Contract):
    """Cut-offs for one language. Verdict is yes where p_yes ≥ `decision`.

    A p_yes ≥ `confident_yes` or ≤ `confident_no` is confident; between `unclear_low` and `unclear_high`
    (exclusive) the calibration rows were no better than a guess. None: there is no such zone.
    """

    decision: Probability
    confident_yes: Probability | None
    confident_no: Probability | None
    unclear_low: Probability
    unclear_high: Probability
    rows: int = Field(gt=0)
    target_error: Probability = Field(description="Error aimed at among confident answers; no guarantee.")


class ThresholdFile(Contract):
    """The file that calibration writes and the assessor reads."""

    task: str
    release: ModelRelease
    languages: dict[str, Thresholds]


def fit(p_yes: list[float], labels: list[bool], target_error: float = 0.10) -> Thresholds:
    """Fit cut-offs on calibration rows.

    `decision` maximises balanced accuracy (middle of the gap, nearest to ½ on a tie). The confident zones
    are the largest tails whose empirical error is ≤ `target_error`; an empirical error carries no guarantee
    (a naive rule, kept provisional: the certificate replaces it). The unclear zone is the half-width
    around `decision` in which accuracy is not above ½. Raises ValueError on fewer than MINIMUM_ROWS rows,
    a single class, or a number that is no probability.
    """
    if len(p_yes) != len(labels):
        raise ValueError(f"{len(p_yes)} probabilities for {len(labels)} labels")
    if len(p_yes) < MINIMUM_ROWS or len(set(labels)) < 2:
        raise ValueError(f"needs at least {MINIMUM_ROWS} rows of both labels, got {len(p_yes)} rows")
    if not all(0.0 <= p <= 1.0 for p in p_yes):
        raise ValueError("every p_yes must lie between 0 and 1")
    rows = sorted(zip(p_yes, labels, strict=True))
    decision = _decision(rows)
    unclear = _unclear_half_width(rows, decision)
    yes_tail = _tail([(p, label) for p, label in reversed(rows) if p >= decision], True, target_error)
    no_tail = _tail([(p, label) for p, label in rows if p < decision], False, target_error)
    return Thresholds(
        decision=decision,
        confident_yes=yes_tail,
        confident_no=no_tail,
        unclear_low=max(0.0, decision - unclear),
        unclear_high=min(1.0, decision + unclear),
        rows=len(rows),
        target_error=target_error,
    )


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


def _tail(rows: list[tuple[float, bool]], verdict: bool, target_error: float) -> float | None:
    """Last p of the longest prefix (whole ties) with error ≤ target; None when there is none."""
    errors, bound = 0, None
    for index, (p, label) in enumerate(rows):
        errors += label is not verdict
        tie_continues = index + 1 < len(rows) and rows[index + 1][0] == p
        if not tie_continues and errors / (index + 1) <= target_error:
            bound = p
    return bound


def _unclear_half_width(rows: list[tuple[float, bool]], decision: float) -> float:
    """Largest distance from `decision` within which at most half of the rows (whole ties) are right.

    The zone's ends are exclusive, so it reaches half the way to the next row, or past the last one.
    """
    # Rounded, so that rows equally far on both sides are a tie despite their last bits.
    by_distance = sorted((round(abs(p - decision), 9), (p >= decision) == label) for p, label in rows)
    right, width = 0, 0.0
    for count, (distance, correct) in enumerate(by_distance, start=1):
        right += correct
        following = by_distance[count][0] if count < len(by_distance) else 1.0 + distance
        if following > distance and right <= count / 2:
            width = (distance + following) / 2
    return width


def path_for(folder: Path, task: str, release: ModelRelease) -> Path:
    """File of one release: a readable name and a digest, because a key may contain any character."""
    digest = hashlib.sha256(f"{task}|{release.key}".encode()).hexdigest()[:12]
    readable = "".join(c if c.isalnum() or c in "._-" else "-" for c in release.name)
    return folder / f"{task}-{readable[:_NAME_CHARACTERS]}-{digest}.json"


def save(folder: Path, thresholds: ThresholdFile) -> Path:
    """Write (atomically) and return the path."""
    path = path_for(folder, thresholds.task, thresholds.release)
    write_whole(path, thresholds.model_dump_json(indent=2) + "\n")
    return path


def load(folder: Path, task: str, release: ModelRelease) -> ThresholdFile | None:
    """The thresholds of a release, None when it was never calibrated. Raises InputError."""
    path = path_for(folder, task, release)
    try:
        thresholds = ThresholdFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise InputError(
            str(path),
            "(not a threshold file)",
            "Delete the file and calibrate again.",
            problem=f"{path} is not a threshold file: {error}",
        ) from error
    if (thresholds.task, thresholds.release) != (task, release):
        raise InputError(
            str(path),
            thresholds.release.key,
            "Delete the file and calibrate again.",
            problem=f"{path} belongs to {thresholds.release.key}, not to {release.key}.",
        )
    return thresholds
