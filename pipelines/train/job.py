"""Train the encoder's head in seconds.

Candidates are compared by cross-validation over families on the few-shot examples and the ground truth so far. The best
becomes a release folder and a version of the registered model in MLflow; its thresholds are fitted on the calibration
split, which the head has not seen.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Sequence

import mlflow

from pipelines.baselines import teachable
from pipelines.classes import Classes
from pipelines.sinks import mlflow_runs, textfile
from pipelines.train.candidates import (
    CANDIDATES,
    FOLDS,
    check_families,
    cross_validate,
    fit_head,
    texts_of,
)
from pipelines.train.encoders import Encoder, load_encoder
from pipelines.train.learning_curve import learning_curve
from pipelines.train.release import TrainedRelease, Training, write_release
from signalbox.contracts.record import LabeledText
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import Task, load_data, load_task, of_today

logger = logging.getLogger(__name__)


def train(settings: Settings, *, extra: Sequence[LabeledText] = (), track: bool = True) -> TrainedRelease:
    """Train, register, write the release folder and its thresholds; `track=False` needs no MLflow.

    Raises InputError, SetupError, StoreUnavailable.
    """
    task = load_task(settings.task)
    classes = Classes.of(task)
    # To abstain is no class of a head: such rows say that none is right.
    rows = teachable(classes, [*load_data(task, "few-shot"), *_ground_truth(settings, task), *extra])
    check_families(classes, rows)
    encoder = load_encoder("minilm", settings.cache_dir)
    training = fit(classes, rows, load_data(task, "calibration"), encoder)
    digest = hashlib.sha256(json.dumps(training.head, sort_keys=True).encode()).hexdigest()[:8]
    if not track:
        return write_release(settings, task, training, f"untracked-{digest}")
    with mlflow_runs.run(settings, task.name, "train", f"train {training.candidate.name}") as run:
        _log(training)
        version = _register(f"signalbox-{task.name}-encoder", run.info.run_id)
        revision = f"v{version}-{digest}"
        mlflow.set_tag("signalbox.release", revision)
        result = write_release(settings, task, training, revision)
    textfile.write_success(settings.state_dir / "metrics", f"train-{task.name}")
    fields = {"release": result.release.key, "candidate": result.candidate.name, "rows": result.rows}
    logger.info("encoder trained", extra=fields)
    return result


def fit(
    classes: Classes, rows: Sequence[LabeledText], calibration: Sequence[LabeledText], encoder: Encoder
) -> Training:
    """Score all candidates on `rows`, fit the best on all of them."""
    texts = texts_of([*rows, *calibration])
    vectors = dict(zip(texts, encoder.embed(texts), strict=True))
    scores = tuple(cross_validate(candidate, classes, rows, vectors) for candidate in CANDIDATES)
    best = min(scores, key=lambda score: score.log_loss).candidate
    head, predict = fit_head(best, classes, rows, vectors)
    curve = learning_curve(classes, rows, teachable(classes, calibration), vectors)
    return Training(rows, scores, best, head, predict, curve)


def _ground_truth(settings: Settings, task: Task) -> list[LabeledText]:
    """Labels from people, under their names of today; none where nothing was ever stored."""

    async def read() -> list[LabeledText]:
        async with open_store(settings.store_url) as store:
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
    mlflow.log_params({"chosen": training.candidate.name, "rows": len(training.rows), "folds": FOLDS})
    for score in training.scores:
        key = score.candidate.name.replace(" ", "-").replace("=", "")
        mlflow.log_metrics({f"cv_accuracy.{key}": score.accuracy, f"cv_log_loss.{key}": score.log_loss})
    for point in training.curve:
        mlflow.log_metric(f"learning_curve_accuracy.{point.language}", point.accuracy, step=point.labels)
    mlflow.log_dict({"points": [vars(point) for point in training.curve]}, "learning_curve.json")
    mlflow.log_dict(training.head, "head.json")
