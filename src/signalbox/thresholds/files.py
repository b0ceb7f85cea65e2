"""Threshold files: one a release, one entry a language. Another release starts uncalibrated."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from signalbox.contracts.record import Contract, ModelRelease
from signalbox.errors import InputError
from signalbox.io import write_whole
from signalbox.thresholds.cuts import Thresholds

_NAME_CHARACTERS = 60  # File systems allow 255 bytes; a served model's name may be a long path.


class ThresholdFile(Contract):
    """The file that calibration writes and the assessor reads."""

    task: str
    release: ModelRelease
    languages: dict[str, Thresholds]


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
