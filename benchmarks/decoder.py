"""The decoder's constrained-verdict mode against its free mode, on the local decoder with the default model.

The first rows of the calibration split, equally many per language and label. The fitted threshold's accuracy is
on the rows it was fitted on, so it flatters both modes alike.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local import stack
from local.processes import Supervisor
from pipelines.calibrate.fit import fit_language
from pipelines.calibrate.job import query_all
from pipelines.classes import Classes
from signalbox.artifacts import gguf_file
from signalbox.contracts.labels import NEUTRAL, LabelProbabilities, Verdict, ranking
from signalbox.contracts.record import LabeledText
from signalbox.errors import ModelError
from signalbox.models.base import Answer
from signalbox.models.factory import make_decoder
from signalbox.settings import Settings
from signalbox.tasks import Task, load_data, load_task
from tests.helpers import free_port

ROWS_PER_LABEL = 40  # all that the example task has
_WARM_UP = 4
MODES = {"free": False, "constrained": True}


def run() -> list[dict[str, object]]:
    """One row per language and mode."""
    with running_decoder() as settings:
        return asyncio.run(_compare(settings))


@contextmanager
def running_decoder() -> Iterator[Settings]:
    """The settings of a local decoder with the default model; of the configured decoder if it is one that runs."""
    with tempfile.TemporaryDirectory() as folder:
        changes = {"state_dir": Path(folder), "decoder_port": free_port()}
        with serving_decoder(Settings().model_copy(update=changes)) as settings:
            yield settings


@contextmanager
def serving_decoder(settings: Settings) -> Iterator[Settings]:
    """The settings, with their decoder running if it is a local one."""
    service = stack.decoder(settings, gguf_file(settings.decoder_model, settings))
    if service is None:
        yield settings
        return
    with Supervisor(settings.logs_dir) as supervisor:
        supervisor.start(service)
        supervisor.wait_ready(service)
        yield settings


def sample(task: Task) -> list[LabeledText]:
    """The first rows of each language and label of the calibration split, in file order."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    rows = []
    for row in load_data(task, "calibration"):
        counts[row.language, row.label] += 1
        if counts[row.language, row.label] <= ROWS_PER_LABEL:
            rows.append(row)
    return rows


async def _compare(settings: Settings) -> list[dict[str, object]]:
    task = load_task(settings.task)
    rows = sample(task)
    answers = {mode: await _query(settings, task, rows, constrained) for mode, constrained in MODES.items()}
    classes = Classes.of(task)
    return [
        _row(classes, language, mode, rows, answers[mode]) for language in task.languages for mode in MODES
    ]


async def _query(
    settings: Settings, task: Task, rows: list[LabeledText], constrained: bool
) -> list[Answer | ModelError]:
    client = make_decoder(settings.model_copy(update={"decoder_constrained": constrained}), task)
    try:
        await query_all(client.answer, rows[:_WARM_UP])
        return await query_all(client.answer, rows)
    finally:
        await client.close()


def _row(
    classes: Classes, language: str, mode: str, rows: list[LabeledText], answers: list[Answer | ModelError]
) -> dict[str, object]:
    pairs = [(row, answer) for row, answer in zip(rows, answers, strict=True) if row.language == language]
    answered = [(row, answer) for row, answer in pairs if isinstance(answer, Answer)]
    calibration = fit_language(language, [row for row, _ in pairs], [answer for _, answer in pairs], classes)
    fit = calibration.thresholds
    return {
        "language": language,
        "mode": mode,
        "rows": len(pairs),
        "failed": len(pairs) - len(answered),
        "neutral_share": round(calibration.neutral_share, 3),
        "verdict_mass": _rounded(calibration.mean_verdict_mass),
        "auc": _rounded(calibration.auc),
        "accuracy_stated": _rounded(_accuracy(answered, None)),
        "accuracy_most_probable": _rounded(_accuracy(answered, lambda p: ranking(p)[0])),
        "accuracy_at_fitted": _rounded(_accuracy(answered, fit.verdict)) if fit is not None else "",
        "p50_s": round(statistics.median(answer.latency_seconds for _, answer in answered), 2),
        "tokens_mean": round(statistics.mean(answer.completion_tokens or 0 for _, answer in answered), 1),
    }


def _accuracy(
    answered: list[tuple[LabeledText, Answer]], decide: Callable[[LabelProbabilities], Verdict] | None
) -> float:
    """Share of rows that are right; by the stated word, or by a rule on the probabilities. Neutral is never right."""
    right = 0
    for row, answer in answered:
        verdict = answer.stated
        if decide is not None and answer.probabilities is not None and verdict != NEUTRAL:
            verdict = decide(answer.probabilities)
        right += verdict == row.label
    return right / len(answered)


def _rounded(value: float | None) -> object:
    return "" if value is None else round(value, 3)
