"""Train the encoder's head in seconds: `signalbox train`, or `signalbox-jobs train`.

Candidates (a table) are compared by cross-validation over families on the few-shot examples and the ground
truth collected so far; the best becomes a release folder and a registered model version in MLflow, and its
thresholds are fitted on the calibration split, which the head has not seen.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from tokenizers import Tokenizer

from pipelines.baselines import Tfidf
from pipelines.sinks import mlflow_runs, textfile
from pipelines.train import minilm
from pipelines.train.learning_curve import Point, learning_curve
from signalbox import thresholds
from signalbox.contracts.record import LabelledText, ModelRelease
from signalbox.files import write_whole
from signalbox.settings import Settings
from signalbox.store import open_store
from signalbox.tasks import Task, load_data, load_task

FOLDS = 10
logger = logging.getLogger(__name__)
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Candidate:
    """A way to get from texts to p(yes). `kind` is what `head.json` says."""

    name: str
    kind: str
    regularisation: float


CANDIDATES = (
    Candidate("embedding C=0.1", "embedding-logistic", 0.1),
    Candidate("embedding C=1", "embedding-logistic", 1.0),
    Candidate("embedding C=10", "embedding-logistic", 10.0),
    Candidate("tf-idf C=10", "tfidf-logistic", 10.0),
)


@dataclass(frozen=True)
class Score:
    """Out-of-fold result of one candidate."""

    candidate: Candidate
    accuracy: float
    log_loss: float


@dataclass(frozen=True)
class TrainedRelease:
    """What training made."""

    release: ModelRelease
    folder: Path
    scores: tuple[Score, ...]
    chosen: Candidate
    rows: int
    curve: tuple[Point, ...]


def train(settings: Settings, *, extra: Sequence[LabelledText] = (), track: bool = True) -> TrainedRelease:
    """Train, register, write the release folder and its thresholds; `track=False` needs no MLflow."""
    task = load_task(settings.task)
    rows = [*load_data(task, "few-shot"), *_ground_truth(settings, task), *extra]
    calibration = load_data(task, "calibration")
    model_path = minilm.ensure_onnx(settings.cache_dir)
    embed = embedder(model_path)
    vectors = dict(zip(_texts([*rows, *calibration]), embed(_texts([*rows, *calibration])), strict=True))
    scores = tuple(cross_validate(candidate, rows, vectors) for candidate in CANDIDATES)
    chosen = min(scores, key=lambda score: score.log_loss).candidate
    head, predict = fit_head(chosen, rows, vectors)
    curve = learning_curve(rows, calibration, vectors)
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode()).hexdigest()[:8]
    result = (scores, chosen, rows, curve)
    if not track:
        return _write(settings, task, head, predict, result, f"untracked-{digest}", model_path)
    with mlflow_runs.run(settings, task.name, "train", f"train {chosen.name}") as run:
        _log(scores, chosen, rows, curve)
        mlflow.log_dict(head, "head.json")
        version = _register(f"signalbox-{task.name}-encoder", run.info.run_id)
        revision = f"v{version}-{digest}"
        mlflow.set_tag("signalbox.release", revision)
        trained = _write(settings, task, head, predict, result, revision, model_path)
    textfile.write_success(settings.state_dir / "metrics", f"train-{task.name}")
    return trained


def embedder(model_path: Path, threads: int = 2) -> Callable[[Sequence[str]], Vectors]:
    """Embeds texts, [n, hidden]; one text at a time, as dynamic quantization makes a row depend on its batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model_path, options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(minilm.package_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)

    def embed(texts: Sequence[str]) -> Vectors:
        rows = []
        for encoded in tokenizer.encode_batch(list(texts)):
            ids = np.array([encoded.ids], dtype=np.int64)
            rows.append(session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0])
        return np.array(rows)

    return embed


def cross_validate(candidate: Candidate, rows: Sequence[LabelledText], vectors: dict[str, Vectors]) -> Score:
    """Out-of-fold accuracy and log loss; a family lies in one fold."""
    families = [row.family for row in rows]
    labels = np.array([row.label == "yes" for row in rows])
    folds = GroupKFold(n_splits=min(FOLDS, len(set(families))), shuffle=True, random_state=0)
    p_yes = np.empty(len(rows))
    for fitted, held_out in folds.split(rows, labels, families):
        _, predict = fit_head(candidate, [rows[i] for i in fitted], vectors)
        p_yes[held_out] = predict([rows[i].text for i in held_out])
    loss = float(log_loss(labels, p_yes, labels=[False, True]))
    return Score(candidate, float(np.mean((p_yes >= 0.5) == labels)), loss)


def fit_head(
    candidate: Candidate, rows: Sequence[LabelledText], vectors: dict[str, Vectors]
) -> tuple[dict[str, Any], Callable[[Sequence[str]], list[float]]]:
    """The head as it is written to `head.json`, and as a function."""
    labels = [row.label == "yes" for row in rows]
    if candidate.kind == "tfidf-logistic":
        tfidf = Tfidf(candidate.regularisation).fit(_texts(rows), labels)
        head = {
            "kind": candidate.kind,
            "terms": tfidf.vectorizer.get_feature_names_out().tolist(),
            "idf": tfidf.vectorizer.idf_.tolist(),
            "weights": tfidf.classifier.coef_[0].tolist(),
            "bias": float(tfidf.classifier.intercept_[0]),
        }
        return head, tfidf.predict_p_yes
    classifier = LogisticRegression(C=candidate.regularisation, max_iter=1000)
    classifier.fit(np.array([vectors[row.text] for row in rows]), labels)
    weights = {"weights": classifier.coef_[0].tolist(), "bias": float(classifier.intercept_[0])}

    def predict(texts: Sequence[str]) -> list[float]:
        return [float(p) for p in classifier.predict_proba(np.array([vectors[text] for text in texts]))[:, 1]]

    return {"kind": candidate.kind, **weights}, predict


def _texts(rows: Sequence[LabelledText]) -> list[str]:
    return [row.text for row in rows]


def _ground_truth(settings: Settings, task: Task) -> list[LabelledText]:
    """Labels that people gave; none when nothing was ever stored."""

    async def read() -> list[LabelledText]:
        async with open_store(settings.store_url) as store:
            return await store.ground_truth(task.name)

    return asyncio.run(read())


def _register(name: str, run_id: str) -> str:
    """A new version of the registered model; its number."""
    client = mlflow.MlflowClient()
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    return str(client.create_model_version(name, f"runs:/{run_id}", run_id).version)


def _log(
    scores: Sequence[Score], chosen: Candidate, rows: Sequence[LabelledText], curve: Sequence[Point]
) -> None:
    mlflow.log_params({"chosen": chosen.name, "rows": len(rows), "folds": FOLDS})
    for score in scores:
        key = score.candidate.name.replace(" ", "-").replace("=", "")
        mlflow.log_metrics({f"cv_accuracy.{key}": score.accuracy, f"cv_log_loss.{key}": score.log_loss})
    for point in curve:
        mlflow.log_metric(f"learning_curve_accuracy.{point.language}", point.accuracy, step=point.labels)
    mlflow.log_dict({"points": [vars(point) for point in curve]}, "learning_curve.json")


def _write(
    settings: Settings,
    task: Task,
    head: dict[str, Any],
    predict: Callable[[Sequence[str]], list[float]],
    result: tuple[tuple[Score, ...], Candidate, list[LabelledText], tuple[Point, ...]],
    revision: str,
    model_path: Path,
) -> TrainedRelease:
    """The release folder appears whole or not at all; a link `encoder-VERSION` and `current` name it last."""
    scores, chosen, rows, curve = result
    kind = "MiniLM-L6-v2" if head["kind"] == "embedding-logistic" else "TF-IDF"
    quantization = "int8" if kind == "MiniLM-L6-v2" else "none"
    release = ModelRelease(
        name=f"{kind} + logistic head", revision=revision, engine="onnxruntime", quantization=quantization
    )
    folder = settings.releases_dir / f"encoder-{revision}"
    settings.releases_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.releases_dir) as scratch:
        draft = Path(scratch) / "release"
        draft.mkdir()
        shutil.copy(model_path, draft / "model.onnx")
        shutil.copy(minilm.package_folder() / "tokenizer.json", draft / "tokenizer.json")
        (draft / "head.json").write_text(json.dumps(head), encoding="utf-8")
        (draft / "release.json").write_text(
            json.dumps(_described(release, task, scores, rows)), encoding="utf-8"
        )
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    save_thresholds(settings, task, release, predict)
    _link(folder, f"encoder-{revision.rpartition('-')[0]}")
    write_whole(settings.releases_dir / "current", folder.name + "\n")
    return TrainedRelease(release, folder, scores, chosen, len(rows), curve)


def _link(folder: Path, name: str) -> None:
    """A name without the digest, which can be written into values before the training.

    Some network file systems have no links; the folder's own name is left then, and said.
    """
    draft = folder.with_name(f".{name}.partial")
    draft.unlink(missing_ok=True)
    try:
        draft.symlink_to(folder.name)
        draft.replace(folder.with_name(name))
    except OSError as error:
        draft.unlink(missing_ok=True)
        logger.warning("%s is not linked as %s (%s): name the folder itself.", folder, name, error.strerror)


def _described(
    release: ModelRelease, task: Task, scores: Sequence[Score], rows: Sequence[LabelledText]
) -> dict[str, Any]:
    return {
        "release": release.model_dump(),
        "task": task.name,
        "created_at": datetime.now(UTC).isoformat(),
        "rows": len(rows),
        "cross_validation": {
            score.candidate.name: {"accuracy": score.accuracy, "log_loss": score.log_loss} for score in scores
        },
    }


def save_thresholds(
    settings: Settings, task: Task, release: ModelRelease, predict: Callable[[Sequence[str]], list[float]]
) -> None:
    """Fit on the calibration split, per language; a language with too few rows is left out."""
    fitted = {}
    for language in task.languages:
        rows = [row for row in load_data(task, "calibration") if row.language == language]
        if len(rows) >= thresholds.MINIMUM_ROWS:
            p_yes = predict(_texts(rows))
            fitted[language] = thresholds.fit(p_yes, [row.label == "yes" for row in rows])
    thresholds.save(
        settings.thresholds_dir, thresholds.ThresholdFile(task=task.name, release=release, languages=fitted)
    )
