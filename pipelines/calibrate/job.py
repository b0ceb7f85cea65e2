"""Fit a release's thresholds on the calibration split, with answers of the running model itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from rich.console import Console

from pipelines.calibrate import kept
from pipelines.calibrate.fit import Calibration, fit_language
from pipelines.calibrate.routes import fit_route, routes_ending_in
from pipelines.calibrate.sparse import warn_of_sparse_verdicts
from pipelines.classes import Classes
from pipelines.passages import as_read_by, passages_of
from pipelines.progress import progress
from pipelines.sinks import datasets, textfile, tracking
from pipelines.strata import Stratum
from signalbox import thresholds
from signalbox.contracts.record import LabeledText, ModelRelease, Tier
from signalbox.contracts.routes import ModelName, Route
from signalbox.errors import InputError, ModelError, SetupError
from signalbox.models.base import Answer
from signalbox.models.factory import make_client
from signalbox.models.reachable import release_within
from signalbox.settings import Settings
from signalbox.tasks import Task, load_data, load_task, select_tiers
from signalbox.thresholds import ThresholdFile

logger = logging.getLogger(__name__)

CONCURRENCY = 2
Query = Callable[..., Awaitable[Answer]]  # text, language and, of a row that has any, its passages


def calibrate(
    settings: Settings,
    model: ModelName,
    *,
    tier: str | None = None,
    log_run: bool = True,
    console: Console | None = None,
    reuse: bool = False,
) -> ThresholdFile:
    """Query the model for each row of the calibration split, fit and save thresholds, log an MLflow run.

    `tier` defaults to the first one of the task: an answer has no tier, so that a release has one set of thresholds.
    `reuse` takes the answers of an earlier calibration of the same release, prompt and rows.

    A language with too few usable rows is left out, with a warning: the assessor then shows its answers as
    uncalibrated. Routes that end in this model get thresholds of their own, for the texts that reach it there. Raises
    ModelError where the model cannot be queried and SetupError where no language fits.
    """
    task = load_task(settings.task)
    (chosen,) = select_tiers(task, [tier] if tier else None)
    rows = load_data(task, "calibration", chosen)
    if not rows:
        raise InputError("split", "calibration", f"{task.folder}/data.jsonl has no such rows; add some.")
    rows = sorted(
        rows, key=lambda row: row.language
    )  # the server keeps the prompt of the language it answers in
    release, results = asyncio.run(_query(settings, task, model, rows, console, reuse=reuse))
    calibrations = [
        fit_language(language, *_of_language(rows, results, language), Classes.of(task))
        for language in task.languages
    ]
    answers = {one.language: one.answers for one in calibrations if one.answers}
    file = ThresholdFile(task=task.name, release=release, languages=_fits(calibrations), answers=answers)
    path = thresholds.save(settings.thresholds_dir, file)
    logger.info("thresholds saved", extra={"path": str(path), "release": release.key})
    if log_run:
        _log_run(settings, task, model, file, calibrations, chosen)
    for route, first in routes_ending_in(model, settings.models):
        route_file, figures = _calibrate_route(settings, task, rows, (route, first), (release, results))
        if log_run and route_file is not None:
            _log_run(settings, task, route, route_file, figures, chosen)
    textfile.write_success(settings.state_dir / "metrics", f"calibrate-{task.name}-{model}")
    return file


def _calibrate_route(
    settings: Settings,
    task: Task,
    rows: Sequence[LabeledText],
    route: tuple[Route, ModelName],
    second: tuple[ModelRelease, list[Answer | ModelError]],
) -> tuple[ThresholdFile | None, Sequence[Calibration]]:
    """Thresholds of the model for the texts that the first model of a route passes on. Its answers are known already."""
    name, first = route
    folder = settings.thresholds_dir
    try:
        release, results = asyncio.run(_query(settings, task, first, rows, None))
    except (ModelError, SetupError) as error:
        extra = {"route": name, "model": first, "cause": str(error)}
        logger.warning("route not calibrated; start its first model and calibrate again", extra=extra)
        return None, []
    own = thresholds.load(folder, task.name, release)
    cuts = {language: own.languages.get(language) if own else None for language in task.languages}
    file, calibrations = fit_route(task, name, rows, (release, results, cuts), second)
    if file is None:
        # Those of before belong to rows that are passed on no longer.
        thresholds.path_for(folder, task.name, second[0], route=name, earlier=[release]).unlink(
            missing_ok=True
        )
        return None, calibrations
    path = thresholds.save(folder, file)
    logger.info("thresholds saved", extra={"path": str(path), "route": name, "release": second[0].key})
    return file, calibrations


async def _query(
    settings: Settings,
    task: Task,
    model: ModelName,
    rows: Sequence[LabeledText],
    console: Console | None,
    *,
    reuse: bool = False,
) -> tuple[ModelRelease, list[Answer | ModelError]]:
    client = make_client(settings, task, model)
    try:
        release = await release_within(client, settings.server_wait_seconds)
        path = kept.path_of(settings, task, model, release, rows)
        if reuse and (answers := kept.load(path)) is not None:
            return release, list(answers)
        # The verdict is all that thresholds are fitted on; a justification takes most of a decoder's time.
        results = await query_all(client.verdict, [as_read_by(model, row) for row in rows], console)
        if await client.release() != release:
            raise SetupError(
                "The model's release changed during the calibration.", hint="Run the calibration again."
            )
    finally:
        await client.close()
    kept.save(path, results)
    return release, results


async def query_all(
    query: Query, rows: Sequence[LabeledText], console: Console | None = None
) -> list[Answer | ModelError]:
    """One answer of `query`, or the error in its place, for each row.

    When the first rows all fail, the error is raised: the server is not there.
    """
    slots = asyncio.Semaphore(CONCURRENCY)
    failures = 0

    async def one(row: LabeledText) -> Answer | ModelError:
        nonlocal failures
        async with slots:
            try:
                return await query(row.text, row.language, *passages_of(row))
            except ModelError as error:
                failures += 1
                if failures > max(3, len(rows) // 10):
                    raise
                return error
            finally:
                advance()

    with progress("calibrate", len(rows), console=console) as advance:
        calls = [asyncio.ensure_future(one(row)) for row in rows]
        try:
            return list(await asyncio.gather(*calls))
        finally:
            for call in calls:
                call.cancel()


def _of_language(
    rows: Sequence[LabeledText], results: Sequence[Answer | ModelError], language: str
) -> tuple[list[LabeledText], list[Answer | ModelError]]:
    pairs = [(row, result) for row, result in zip(rows, results, strict=True) if row.language == language]
    return [row for row, _ in pairs], [result for _, result in pairs]


def _fits(calibrations: Sequence[Calibration]) -> dict[str, thresholds.Thresholds]:
    """The thresholds by language. SetupError where there are none."""
    for one in calibrations:
        if one.reason:
            logger.warning("language left out", extra={"language": one.language, "reason": one.reason})
        if one.thresholds is not None:
            warn_of_sparse_verdicts(one.language, one.sparse, one.thresholds.target_error)
    fits = {one.language: one.thresholds for one in calibrations if one.thresholds is not None}
    if not fits:
        reasons = "; ".join(f"{one.language}: {one.reason}" for one in calibrations)
        raise SetupError(f"No language could be calibrated: {reasons}")
    return fits


def _log_run(
    settings: Settings,
    task: Task,
    model: Route,
    file: ThresholdFile,
    calibrations: Sequence[Calibration],
    tier: Tier | None,
) -> None:
    name, release = f"calibrate-{model}", file.release.key
    with tracking.run(settings, task.name, "calibrate", name, release=release) as run:
        digest = datasets.rows_digest(load_data(task, "calibration", tier))
        run.log_dataset(settings, task.name, digest, "calibration")
        params = {"route": model, "release": file.release.key, "engine": file.release.engine}
        run.log_params({**params, "tier": tier or ""})
        for one in calibrations:
            figures = _figures(task, one)
            where = Stratum(tier, one.language).name
            run.log_metrics({f"{where}.{k}": v for k, v in figures.items() if v is not None})
        run.log_dict(file.model_dump(mode="json"), "thresholds.json")


def _figures(task: Task, one: Calibration) -> dict[str, float | None]:
    """The figures of a language; those of a verdict have the slug of its label."""
    figures = {
        "rows": one.rows,
        "usable_rows": one.usable,
        "neutral_share": one.neutral_share,
        "mean_verdict_mass": one.mean_verdict_mass,
        "auc": one.auc,
    }
    if (fit := one.thresholds) is None:
        return figures
    slugs = Classes.of(task).slugs
    for verdict, cuts in fit.verdicts.items():
        figures |= {f"confident_{slugs[verdict]}": cuts.confident, f"unclear_{slugs[verdict]}": cuts.unclear}
    return figures | {"decision_threshold": fit.decision}
