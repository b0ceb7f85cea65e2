"""Warnings about verdicts that few calibration rows got."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from signalbox import thresholds
from signalbox.contracts.labels import Label

logger = logging.getLogger(__name__)


def warn_of_sparse_verdicts(language: str, sparse: Mapping[Label, int], target_error: float) -> None:
    """Log each verdict whose cut-offs rest on few rows. Of more than two labels it is confident nowhere."""
    needed = thresholds.fewest_rows(target_error)
    for verdict, rows in sparse.items():
        extra = {"language": language, "verdict": verdict, "rows": rows, "needed": needed}
        logger.warning("few calibration rows have this verdict; add labeled texts", extra=extra)
