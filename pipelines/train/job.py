"""Train the encoder's head in seconds.

Encoders and heads are compared by cross-validation over families on the few-shot examples, the pool and the ground truth
so far, of one tier. The best becomes a release folder and a version of the registered model in MLflow; its thresholds are
fitted on the calibration split, which the head has not seen.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Sequence

import mlflow
from threadpoolctl import threadpool_limits

from pipelines.baselines import teachable
from pipelines.classes import Classes
from pipelines.sinks import datasets, mlflow_runs, textfile
from pipelines.strata import Stratum, select_rows
from pipelines.train.candidates import CANDIDATES, TextVectors, check_families, fit_head, texts_of, vectors_of
from pipelines.train.cross_validation import REPEATS, cross_validate
from pipelines.train.folds import MOST_FOLDS
from pipelines.train.ground_truth import GroundTruth, rows_to_learn
from pipelines.train.learning_curve import learning_curve
from pipelines.train.release import CURVE_FILE, TrainedRelease, Training, write_release
from signalbox.contracts.record import LabeledText, Tier
from signalbox.settings import Settings
from signalbox.store import store_of
from signalbox.tasks import Task, load_all, load_data, load_task, of_today, select_tiers

logger = logging.getLogger(__name__)


def train(
    settings: Settings,
    *,
    tier: str | None = None,
    pool: int | None = None,
    extra: Sequence[LabeledText] = (),
    track: bool = True,
    before_log: Callable[[], None] | None = None,
) -> TrainedRelease:
    """Train, register, write the release folder and its thresholds; `track=False` needs no MLflow.

    `tier` defaults to the first one of the task. `pool` is the number of rows of the pool split for each language and
    label; None are all. `extra` are entries like those of the store. `before_log` is called before MLflow is, e.g. to
    wait for it. Raises InputError, SetupError, StoreUnavailable.
    """
    task = load_task(settings.task)
    (chosen,) = select_tiers(task, [tier] if tier else None)
    rows, truth = _rows_of(settings, task, chosen, pool, extra)
    calibration = load_data(task, "calibration", chosen)
    vectors = vectors_of(texts_of([*rows, *calibration]), settings.cache_dir)
    training = fit(Classes.of(task), rows, calibration, vectors, truth)
    digest = hashlib.sha256(json.dumps(training.head, sort_keys=True).encode()).hexdigest()[:8]
    if not track:
        return write_release(settings, task, training, f"untracked-{digest}")
    if before_log:
        before_log()
    with mlflow_runs.run(settings, task.name, "train", f"train {training.candidate.name}") as run:
        _log(training)
        datasets.log_rows(settings, task.name, rows, "training")
        datasets.log_rows(settings, task.name, calibration, "calibration")
        version = _register(mlflow_runs.registered_model(task.name), run.info.run_id)
        result = write_release(settings, task, training, f"v{version}-{digest}")
        mlflow.set_tag(mlflow_runs.RELEASE_TAG, result.release.key)
    textfile.write_success(settings.state_dir / "metrics", f"train-{task.name}")
    fields = {"release": result.release.key, "candidate": training.candidate.name, "rows": len(rows)}
    logger.info("encoder trained", extra=fields)
    return result


def fit(
    classes: Classes,
    rows: Sequence[LabeledText],
    calibration: Sequence[LabeledText],
    vectors: TextVectors,
    truth: GroundTruth,
) -> Training:
    """Score all candidates on `rows` and fit the best on all of them. Its learning curve uses the calibration rows, too.

    Pure; all rows are of one tier. Raises InputError where a label has too few families.
    """
    check_families(classes, rows)
    # A second thread of the matrix library costs more than such small fits: 12 times the CPU time on a busy machine.
    with threadpool_limits(limits=1):
        scores = tuple(cross_validate(candidate, classes, rows, vectors) for candidate in CANDIDATES)
        best = min(scores, key=lambda score: score.criterion).candidate
        head, predict = fit_head(best, classes, rows, vectors)
        curve = learning_curve(best, classes, [*rows, *teachable(classes, calibration)], vectors)
    return Training(rows, scores, best, head, predict, curve, truth)


def _rows_of(
    settings: Settings, task: Task, tier: Tier | None, pool: int | None, extra: Sequence[LabeledText]
) -> tuple[list[LabeledText], GroundTruth]:
    """What a head learns from: few-shot, pool and ground truth; and what of the latter is left out."""
    classes = Classes.of(task)
    learned = load_data(task, "few-shot", tier)
    learned += select_rows(load_data(task, "pool", tier), pool)
    truth = rows_to_learn([*_ground_truth(settings, task), *extra], load_all(task), learned)
    if left_out := truth.left_out():
        logger.warning("ground truth left out", extra=left_out)
    # Feedback has no tier: it is on whatever people send, and counts for the tier that is trained.
    feedback = [row.model_copy(update={"tier": tier}) for row in truth.rows]
    # To abstain is no class of a head: such rows say that none is right.
    rows = teachable(classes, [*learned, *feedback])
    check_families(classes, rows)
    return rows, truth


def _ground_truth(settings: Settings, task: Task) -> list[LabeledText]:
    """Labels from people, under their names of today; none where nothing was ever stored."""

    async def read() -> list[LabeledText]:
        async with store_of(settings) as store:
            return await store.ground_truth(task.name)

    rows, left_out = of_today(task, asyncio.run(read()))
    for label, count in left_out.items():
        logger.warning(
            "ground truth left out; its label is not in the task", extra={"label": label, "rows": count}
        )
    return rows


def _register(name: str, run_id: str) -> str:
    """A new version of the registered model; its number."""
    client = mlflow.MlflowClient()
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    return str(client.create_model_version(name, f"runs:/{run_id}", run_id).version)


def _log(training: Training) -> None:
    params = {"chosen": training.candidate.name, "tier": training.tier or "", "rows": len(training.rows)}
    mlflow.log_params({**params, "folds": MOST_FOLDS, "repeats": REPEATS})
    mlflow.log_params({f"ground_truth_{name}": count for name, count in training.truth.left_out().items()})
    for score in training.scores:
        key = score.candidate.name.replace(" ", "-").replace("=", "")
        for language, loss in score.log_loss.items():
            where = f"{key}.{Stratum(training.tier, language).name}"
            mlflow.log_metric(f"cv_log_loss.{where}", loss)
            if (held_out := score.accuracy[language]) is not None:
                mlflow.log_metric(f"cv_accuracy.{where}", held_out.accuracy)
    for point in training.curve.points:
        where = Stratum(point.tier, point.language).name
        for name in ("accuracy", "low", "high"):
            mlflow.log_metric(f"learning_curve_{name}.{where}", getattr(point, name), step=point.labels)
    mlflow.log_dict(training.curve.as_dict(), CURVE_FILE)
    mlflow.log_dict(training.head, "head.json")
