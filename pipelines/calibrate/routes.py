"""Thresholds of a model for the texts that the models before it in a route pass on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from pipelines.calibrate.fit import Calibration, fit_language
from pipelines.classes import Classes
from signalbox import thresholds
from signalbox.contracts.record import LabeledText, ModelRelease
from signalbox.contracts.routes import ROUTES, ModelName, Route
from signalbox.errors import ModelError
from signalbox.models.base import Answer
from signalbox.tasks import Task
from signalbox.thresholds import Stage, ThresholdFile, Thresholds, digest_of
from signalbox.traffic_light import decide, is_sure

logger = logging.getLogger(__name__)

Results = Sequence[Answer | ModelError]


def routes_ending_in(model: ModelName, models: Sequence[ModelName]) -> list[tuple[Route, ModelName]]:
    """Routes of two models that exist here and end in `model`, with the model before it."""
    return [
        (name, spec.models[0])
        for name, spec in ROUTES.items()
        if len(spec.models) == 2 and spec.models[1] == model and spec.models[0] in models
    ]


def passed_on(
    rows: Sequence[LabeledText], results: Results, cuts: Mapping[str, Thresholds | None]
) -> list[bool]:
    """Which rows a model passes on: it answered and is not sure. Where it fails, the next one is the first."""
    return [
        isinstance(result, Answer) and not is_sure(decide(result, cuts.get(row.language)))
        for row, result in zip(rows, results, strict=True)
    ]


def fit_route(
    task: Task,
    route: Route,
    rows: Sequence[LabeledText],
    first: tuple[ModelRelease, Results, Mapping[str, Thresholds | None]],
    second: tuple[ModelRelease, Results],
) -> tuple[ThresholdFile | None, list[Calibration]]:
    """The file of the second model after the first one, None where no language has enough rows; and its figures."""
    release, results, cuts = first
    hard = passed_on(rows, results, cuts)
    calibrations = []
    for language in task.languages:
        pairs = [
            (row, answer)
            for row, answer, is_hard in zip(rows, second[1], hard, strict=True)
            if is_hard and row.language == language
        ]
        of_language = [row for row, _ in pairs], [answer for _, answer in pairs]
        calibrations.append(fit_language(language, *of_language, Classes.of(task)))
    for one in calibrations:
        if one.reason:
            extra = {"route": route, "language": one.language, "reason": one.reason}
            logger.warning("language left out of a route; its answers are uncalibrated there", extra=extra)
    fits = {one.language: one.thresholds for one in calibrations if one.thresholds is not None}
    digests = {
        language: digest_of([cuts.get(language)]) or thresholds.UNCALIBRATED for language in task.languages
    }
    stage = Stage(release=release, digests=digests)
    file = ThresholdFile(task=task.name, release=second[0], languages=fits, route=route, earlier=(stage,))
    return (file if fits else None), calibrations
