"""Threshold files: one a release and route, one entry a language. Another release starts uncalibrated.

In a route of several models, a later model gets only the texts of which the earlier ones are not sure. Those are harder, so
that its thresholds of all texts keep no promise there (docs/decisions/0036-thresholds-by-route.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from signalbox.contracts.labels import Label, LabelProbabilities
from signalbox.contracts.record import Contract, ModelRelease
from signalbox.contracts.routes import Route
from signalbox.errors import InputError
from signalbox.io import write_whole
from signalbox.thresholds.cuts import Thresholds, digest_of, score_of

_NAME_CHARACTERS = 60  # File systems allow 255 bytes; a served model's name may be a long path.


class Stage(Contract):
    """A model of a route that passes on what it is not sure of, with the digest of its thresholds in each language."""

    release: ModelRelease
    digests: dict[str, str]


class CalibrationAnswer(Contract):
    """An answer to a calibration row: its verdict by the thresholds, its score as the light uses it, and whether it is wrong."""

    verdict: Label
    score: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    wrong: bool


class ThresholdFile(Contract):
    """The file that calibration writes and the assessor reads.

    Without `earlier`, it is for the release in every route where it is the first to be queried; files of earlier versions
    are of this kind.
    """

    task: str
    release: ModelRelease
    languages: dict[str, Thresholds]
    route: Route | None = None
    earlier: tuple[Stage, ...] = ()
    answers: dict[str, tuple[CalibrationAnswer, ...]] = Field(
        default={}, description="Answers to the calibration rows by language, for the plan of a certificate."
    )

    @property
    def chain(self) -> tuple[ModelRelease, ...]:
        """The releases that are queried before, in their order."""
        return tuple(stage.release for stage in self.earlier)

    def fits(self, language: str, thresholds: Sequence[Thresholds | None]) -> bool:
        """Whether the earlier models still have the thresholds with which this file was fitted: others pass on other texts."""
        now = [digest_of([one]) for one in thresholds]
        return now == [stage.digests.get(language) for stage in self.earlier]


def calibration_answers(
    rows: Iterable[tuple[LabelProbabilities, Label]], thresholds: Thresholds
) -> tuple[CalibrationAnswer, ...]:
    """What thresholds make of the probabilities of rows whose label is known."""
    return tuple(
        CalibrationAnswer(
            verdict=(verdict := thresholds.verdict(probabilities)),
            score=score_of(probabilities, thresholds),
            wrong=verdict != label,
        )
        for probabilities, label in rows
        if thresholds.cover(probabilities)
    )


def path_for(
    folder: Path,
    task: str,
    release: ModelRelease,
    *,
    route: Route | None = None,
    earlier: Sequence[ModelRelease] = (),
) -> Path:
    """File of one release: a readable name and a digest, because a key may contain any character.

    `route` counts only with `earlier`, the releases that are queried before in that route.
    """
    chain = [route or "", *(one.key for one in earlier)] if earlier else []
    digest = hashlib.sha256("|".join([task, *chain, release.key]).encode()).hexdigest()[:12]
    readable = "".join(c if c.isalnum() or c in "._-" else "-" for c in release.name)
    name = f"{route}-{readable}" if earlier else readable
    return folder / f"{task}-{name[:_NAME_CHARACTERS]}-{digest}.json"


def save(folder: Path, thresholds: ThresholdFile) -> Path:
    """Write (atomically) and return the path."""
    path = path_for(
        folder, thresholds.task, thresholds.release, route=thresholds.route, earlier=thresholds.chain
    )
    write_whole(path, thresholds.model_dump_json(indent=2) + "\n")
    return path


def load(
    folder: Path,
    task: str,
    release: ModelRelease,
    *,
    route: Route | None = None,
    earlier: Sequence[ModelRelease] = (),
) -> ThresholdFile | None:
    """The thresholds of a release, None when it was never calibrated for this place in a route. Raises InputError."""
    path = path_for(folder, task, release, route=route, earlier=earlier)
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
    if (thresholds.task, thresholds.release, thresholds.chain) != (task, release, tuple(earlier)):
        raise InputError(
            str(path),
            thresholds.release.key,
            "Delete the file and calibrate again.",
            problem=f"{path} belongs to {thresholds.release.key}, not to {release.key}.",
        )
    return thresholds
