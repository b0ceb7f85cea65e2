"""A trained release: its folder, the names that lead to it, and its thresholds."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.calibrate.sparse import warn_of_sparse_verdicts
from pipelines.train.candidates import Candidate, Predict, texts_of
from pipelines.train.cross_validation import Score
from pipelines.train.encoders import release_files
from pipelines.train.ground_truth import GroundTruth
from pipelines.train.learning_curve import LearningCurve
from signalbox import thresholds
from signalbox.contracts.encoders import quantization_of, title_of
from signalbox.contracts.record import LabeledText, ModelRelease, Tier
from signalbox.io import sync_files, sync_folder, write_whole
from signalbox.settings import Settings
from signalbox.tasks import Task, load_data

CURVE_FILE = "learning_curve.json"  # in a release and in MLflow

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """The result of training before it is a release: scores, the best candidate and its fitted head.

    `rows` are of one tier, and `truth` says which entries of people are not among them.
    """

    rows: Sequence[LabeledText]
    scores: tuple[Score, ...]
    candidate: Candidate
    head: dict[str, Any]
    predict: Predict
    curve: LearningCurve
    truth: GroundTruth

    @property
    def tier(self) -> Tier | None:
        """The tier of the rows."""
        return self.rows[0].tier

    @property
    def encoder(self) -> str:
        """The name of the candidate's encoder, as `release.json` has it."""
        return self.candidate.encoder


@dataclass(frozen=True)
class TrainedRelease:
    """A release in its folder, and the training that it is of."""

    release: ModelRelease
    folder: Path
    training: Training

    @property
    def scores(self) -> tuple[Score, ...]:
        """Of all candidates."""
        return self.training.scores

    @property
    def candidate(self) -> Candidate:
        """The chosen one."""
        return self.training.candidate

    @property
    def rows(self) -> int:
        """Number of rows that were learned from."""
        return len(self.training.rows)

    @property
    def curve(self) -> LearningCurve:
        """Of the chosen candidate."""
        return self.training.curve


def write_release(settings: Settings, task: Task, training: Training, revision: str) -> TrainedRelease:
    """Write the folder whole or not at all; a link `encoder-VERSION` and the file `current` name it last."""
    release = ModelRelease(
        name=f"{title_of(training.encoder)} + logistic head",
        revision=revision,
        engine="onnxruntime",
        quantization=quantization_of(training.encoder),
    )
    folder = settings.releases_dir / f"encoder-{revision}"
    settings.releases_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.releases_dir) as scratch:
        draft = Path(scratch) / "release"
        draft.mkdir()
        for name, path in release_files(training.encoder, settings.cache_dir).items():
            shutil.copy(path, draft / name)
        (draft / "head.json").write_text(json.dumps(training.head), encoding="utf-8")
        (draft / CURVE_FILE).write_text(json.dumps(training.curve.as_dict()), encoding="utf-8")
        description = json.dumps(_description(release, task, training))
        (draft / "release.json").write_text(description, encoding="utf-8")
        sync_files(draft)
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
        sync_folder(settings.releases_dir)  # before `current` names it
    save_thresholds(settings, task, release, training)
    _link(folder, f"encoder-{revision.rpartition('-')[0]}")
    write_whole(settings.releases_dir / "current", folder.name + "\n")
    return TrainedRelease(release, folder, training)


def save_thresholds(settings: Settings, task: Task, release: ModelRelease, training: Training) -> None:
    """Fit on the calibration split of the tier, per language; one with too few rows is left out, with a warning."""
    by_language, answers = {}, {}
    for language in task.languages:
        rows = [row for row in load_data(task, "calibration", training.tier) if row.language == language]
        if not rows:
            continue
        probabilities = training.predict(texts_of(rows))
        try:
            fit = thresholds.fit(probabilities, [row.label for row in rows], positive=task.positive)
        except ValueError as error:
            extra = {"language": language, "reason": str(error)}
            logger.warning("language left out of the thresholds", extra=extra)
            continue
        sparse = thresholds.sparse_verdicts(fit, probabilities)
        warn_of_sparse_verdicts(language, sparse, fit.target_error)
        by_language[language] = fit
        pairs = zip(probabilities, (row.label for row in rows), strict=True)
        answers[language] = thresholds.calibration_answers(pairs, fit)
    file = thresholds.ThresholdFile(task=task.name, release=release, languages=by_language, answers=answers)
    thresholds.save(settings.thresholds_dir, file)


def _link(folder: Path, name: str) -> None:
    """A name without the digest, which can be written into values before the training.

    Some network file systems have no links; only the folder's own name works there, and a warning says so.
    """
    draft = folder.with_name(f".{name}.partial")
    draft.unlink(missing_ok=True)
    try:
        draft.symlink_to(folder.name)
        draft.replace(folder.with_name(name))
    except OSError as error:
        draft.unlink(missing_ok=True)
        extra = {"folder": str(folder), "link": name, "cause": error.strerror}
        logger.warning("release not linked; use the name of its folder", extra=extra)


def _description(release: ModelRelease, task: Task, training: Training) -> dict[str, Any]:
    scores = {s.candidate.name: asdict(s) for s in training.scores}
    return {
        "release": release.model_dump(),
        "encoder": training.encoder,
        "task": task.name,
        "labels": list(task.names),
        "positive": task.positive,
        "created_at": datetime.now(UTC).isoformat(),
        "tier": training.tier,
        "rows": len(training.rows),
        "ground_truth_left_out": training.truth.left_out(),
        "cross_validation": scores,
    }
