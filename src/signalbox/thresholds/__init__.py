"""Thresholds by language and verdict, fitted on the calibration split. A file belongs to one release and task."""

from signalbox.thresholds.calibration import MarginCalibration
from signalbox.thresholds.cuts import UNCALIBRATED, Thresholds, VerdictCuts, digest_of, score_of
from signalbox.thresholds.files import (
    CalibrationAnswer,
    Stage,
    ThresholdFile,
    calibration_answers,
    load,
    path_for,
    save,
)
from signalbox.thresholds.fitting import (
    MINIMUM_ROWS,
    TARGET_ERROR,
    fewest_rows,
    fit,
    fit_binary,
    sparse_verdicts,
)
from signalbox.thresholds.table import Passed, ThresholdTable

__all__ = [
    "MINIMUM_ROWS",
    "TARGET_ERROR",
    "UNCALIBRATED",
    "CalibrationAnswer",
    "MarginCalibration",
    "Passed",
    "Stage",
    "ThresholdFile",
    "ThresholdTable",
    "Thresholds",
    "VerdictCuts",
    "calibration_answers",
    "digest_of",
    "fewest_rows",
    "fit",
    "fit_binary",
    "load",
    "path_for",
    "save",
    "score_of",
    "sparse_verdicts",
]
