"""Thresholds by language and verdict, fitted on the calibration split. A file belongs to one release and task."""

from signalbox.thresholds.cuts import Thresholds, VerdictCuts, score_of
from signalbox.thresholds.files import ThresholdFile, load, path_for, save
from signalbox.thresholds.fitting import MINIMUM_ROWS, TARGET_ERROR, fit, fit_binary

__all__ = [
    "MINIMUM_ROWS",
    "TARGET_ERROR",
    "ThresholdFile",
    "Thresholds",
    "VerdictCuts",
    "fit",
    "fit_binary",
    "load",
    "path_for",
    "save",
    "score_of",
]
