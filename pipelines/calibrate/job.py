"""Fit a release's thresholds on the calibration split, asking the running model itself.

signalbox-jobs calibrate --route decoder
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import mlflow
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.sinks import textfile
from pipelines.statistics.proportions import area_under_curve
from signalbox import thresholds
from signalbox.contracts.record import LabelledText, ModelRelease, Verdict
from signalbox.errors import InputError, ModelError, SetupError
from signalbox.models.base import Answer, ModelClient
from signalbox.models.factory import make_client
from signalbox.settings import Settings
from signalbox.tasks import Task, load_data, load_task
from signalbox.thresholds import ThresholdFile, Thresholds

logger = logging.getLogger(__name__)

ModelRoute = Literal["encoder", "decoder"]
MODEL_ROUTES: tuple[ModelRoute, ...] = ("encoder", "decoder")
CONCURRENCY = 2


@dataclass(frozen=True)
class Calibration:
    """What one language gave. `usable` rows have a p(yes); `fitted` is None when they are too few."""

    language: str
    rows: int
    usable: int
    neutral_share: float
    mean_verdict_mass: float | None
    auc: float | None
    fitted: Thresholds | None
    reason: str | None


def calibrate(settings: Settings, route: ModelRoute, *, log_run: bool = True) -> ThresholdFile:
    """Ask the model over the calibration split, fit and save thresholds, log an MLflow run.

    A language with too few usable rows is left out, with a warning: the assessor then shows its answers
    as uncalibrated. Raises ModelError when the model cannot be asked and SetupError when no language fits.
    """
    return asyncio.run(_calibrate(settings, route, log_run=log_run))


async def _calibrate(settings: Settings, route: ModelRoute, *, log_run: bool) -> ThresholdFile:
    task = load_task(settings.task)
    rows = load_data(task, "calibration")
    if not rows:
        raise InputError("split", "calibration", f"{task.folder}/data.jsonl has no such rows; add some.")
    client = make_client(settings, task, route)
    try:
        release = await client.release()
        answers = await ask_all(client, rows)
        if await client.release() != release:
            raise SetupError("The model's release changed during the calibration; run it again.")
    finally:
        await client.close()
    results = [fit_language(language, *_of_language(rows, answers, language)) for language in task.languages]
    for result in results:
        if result.reason:
            logger.warning("language left out language=%s reason=%s", result.language, result.reason)
    fitted = {result.language: result.fitted for result in results if result.fitted is not None}
    if not fitted:
        raise SetupError(
            "No language could be calibrated: " + "; ".join(f"{r.language}: {r.reason}" for r in results)
        )
    file = ThresholdFile(task=task.name, release=release, languages=fitted)
    path = thresholds.save(settings.thresholds_dir, file)
    logger.info("thresholds saved path=%s release=%s", path, release.key)
    if log_run:
        _log_run(settings, task, route, release, results, file)
    textfile.write_success(settings.state_dir / "metrics", f"calibrate-{task.name}-{route}")
    return file


async def ask_all(client: ModelClient, rows: Sequence[LabelledText]) -> list[Answer | ModelError]:
    """One answer, or the error in its place, for each row, with a progress bar.

    When the first rows all fail, the error is raised: the server is not there.
    """
    slots = asyncio.Semaphore(CONCURRENCY)
    failures = 0

    async def ask(row: LabelledText) -> Answer | ModelError:
        nonlocal failures
        async with slots:
            try:
                answer = await client.answer(row.text, row.language)
            except ModelError as error:
                failures += 1
                if failures > max(3, len(rows) // 10):
                    raise
                return error
            finally:
                bar.advance(line)
        return answer

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        line = bar.add_task("calibrating", total=len(rows))
        calls = [asyncio.ensure_future(ask(row)) for row in rows]
        try:
            return list(await asyncio.gather(*calls))
        finally:
            for call in calls:
                call.cancel()


def fit_language(
    language: str, rows: Sequence[LabelledText], answers: Sequence[Answer | ModelError]
) -> Calibration:
    """Thresholds of one language and the figures beside them. Pure.

    Neutral answers are left out of the fit: they are shown red whatever the thresholds say.
    """
    given = [answer for answer in answers if isinstance(answer, Answer)]
    pairs = [
        (answer.p_yes, row.label == "yes")
        for row, answer in zip(rows, answers, strict=True)
        if isinstance(answer, Answer) and answer.p_yes is not None and answer.stated is not Verdict.NEUTRAL
    ]
    p_yes, labels = [p for p, _ in pairs], [label for _, label in pairs]
    masses = [answer.verdict_mass for answer in given if answer.verdict_mass is not None]
    neutral = sum(answer.stated is Verdict.NEUTRAL for answer in given)
    fitted, reason = None, None
    try:
        fitted = thresholds.fit(p_yes, labels)
    except ValueError as error:
        reason = f"{len(pairs)} usable of {len(rows)} rows ({neutral} neutral): {error}"
    return Calibration(
        language=language,
        rows=len(rows),
        usable=len(pairs),
        neutral_share=neutral / len(given) if given else 0.0,
        mean_verdict_mass=math.fsum(masses) / len(masses) if masses else None,
        auc=area_under_curve(p_yes, labels) if p_yes else None,
        fitted=fitted,
        reason=reason,
    )


def _of_language(
    rows: Sequence[LabelledText], answers: Sequence[Answer | ModelError], language: str
) -> tuple[list[LabelledText], list[Answer | ModelError]]:
    chosen = [(row, answer) for row, answer in zip(rows, answers, strict=True) if row.language == language]
    return [row for row, _ in chosen], [answer for _, answer in chosen]


def _log_run(
    settings: Settings,
    task: Task,
    route: str,
    release: ModelRelease,
    results: Sequence[Calibration],
    file: ThresholdFile,
) -> None:
    mlflow.set_tracking_uri(settings.mlflow_base_url)
    mlflow.set_experiment(task.name)
    with mlflow.start_run(run_name=f"calibrate-{route}", tags={"signalbox.job": "calibrate"}):
        mlflow.log_params({"route": route, "release": release.key, "engine": release.engine})
        for result in results:
            figures = {
                "rows": result.rows,
                "usable_rows": result.usable,
                "neutral_share": result.neutral_share,
                "mean_verdict_mass": result.mean_verdict_mass,
                "auc": result.auc,
                "decision_threshold": result.fitted.decision if result.fitted else None,
            }
            mlflow.log_metrics({f"{result.language}.{k}": v for k, v in figures.items() if v is not None})
        mlflow.log_dict(file.model_dump(mode="json"), "thresholds.json")
