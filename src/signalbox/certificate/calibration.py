"""Answers to the calibration split, from which a plan sees where a model is wrong."""

from __future__ import annotations

from pathlib import Path

from signalbox import thresholds
from signalbox.contracts.certificate import CertificateKey

# Fewer leave the plan with its prior alone.
FEWEST_ROWS = 20

Calibration = tuple[list[float], list[bool]]  # scores, and whether the answer is wrong


def calibration_of(folder: Path, key: CertificateKey) -> Calibration | None:
    """Scores and errors of the calibration rows with the verdict of a key; None if they are few.

    A route of several models has none: which of its models answers a row depends on thresholds of both.
    """
    if len(key.releases) != 1:
        return None
    file = thresholds.load(folder, key.task, key.releases[0])
    answers = file.answers.get(key.language, ()) if file else ()
    rows = [one for one in answers if key.verdict in (None, one.verdict)]
    if len(rows) < FEWEST_ROWS:
        return None
    return [one.score for one in rows], [one.wrong for one in rows]
