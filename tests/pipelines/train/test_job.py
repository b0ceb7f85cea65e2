"""Training writes a release that the service can load, and its thresholds."""

import json
import os
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest

from pipelines.classes import YES_NO
from pipelines.train.candidates import CANDIDATES, fit_head
from pipelines.train.job import train
from pipelines.train.release import CURVE_FILE, TrainedRelease
from services.encoder.runtime import Encoder, Labels, TfidfHead
from signalbox import thresholds
from signalbox.contracts.metrics import JOB_LAST_SUCCESS
from signalbox.contracts.record import LabeledText
from signalbox.errors import InputError, SetupError
from signalbox.settings import Settings
from signalbox.tasks import load_all, load_data, load_task


def learn(settings: Settings, **changes: Any) -> TrainedRelease:
    """From the ten few-shot examples of each language."""
    return train(settings, pool=0, track=False, **changes)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path)


def test_all_files_are_on_disk_before_current_names_the_release(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def record(handle: int) -> None:
        synced.append(os.fstat(handle).st_ino)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", record)
    trained = learn(settings)
    before = synced[: synced.index((settings.releases_dir / "current").stat().st_ino)]
    paths = [*trained.folder.iterdir(), trained.folder, settings.releases_dir]
    assert [path.name for path in paths if path.stat().st_ino not in before] == []


def test_release_answers_as_trained(settings: Settings) -> None:
    trained = learn(settings)
    encoder = Encoder(trained.folder)
    assert encoder.release == trained.release
    assert (settings.releases_dir / "current").read_text().strip() == trained.folder.name
    file = thresholds.load(settings.thresholds_dir, "medical", trained.release)
    assert file is not None
    assert set(file.languages) == {"en", "de"}
    rows = encoder.probabilities(["One.", "Another, longer sentence."])
    assert all(list(row) == ["yes", "no"] and sum(row.values()) == pytest.approx(1) for row in rows)


def test_a_link_that_is_known_before_leads_to_the_newest_release(
    settings: Settings,
) -> None:
    link = settings.releases_dir / "encoder-untracked"
    first = learn(settings)
    assert link.resolve() == first.folder.resolve()
    assert not link.readlink().is_absolute()  # a claim is mounted under other paths elsewhere
    row = LabeledText(id="x", text="More.", label="yes", language="en", family="x", split="feedback")
    second = learn(settings, extra=[row])
    assert link.resolve() == second.folder.resolve() != first.folder.resolve()
    assert first.folder.is_dir()


def test_the_same_data_give_the_same_release(settings: Settings) -> None:
    assert learn(settings).release == learn(settings).release


def test_more_ground_truth_changes_it(settings: Settings) -> None:
    extra = [
        LabeledText(
            id=f"x{i}",
            text=f"Feedback {i}",
            label="yes" if i % 2 else "no",
            language="en",
            family=f"x{i}",
            split="feedback",
        )
        for i in range(6)
    ]
    plain, more = learn(settings), learn(settings, extra=extra)
    assert more.rows == plain.rows + 6
    assert more.release != plain.release


def test_every_candidate_is_scored_on_families_it_has_not_seen(settings: Settings) -> None:
    scores = learn(settings).scores
    assert [score.candidate for score in scores] == list(CANDIDATES)
    for score in scores:
        assert set(score.log_loss) == {"de", "en"}
        assert np.isfinite(score.criterion)
        # Ten labels of a language are too few for an accuracy.
        assert score.accuracy == {"de": None, "en": None}


def test_the_release_names_its_tier_and_has_its_learning_curve(settings: Settings) -> None:
    trained = learn(settings)
    description = json.loads((trained.folder / "release.json").read_text(encoding="utf-8"))
    assert (description["tier"], description["rows"]) == ("everyday", 20)
    assert description["encoder"] == trained.candidate.encoder
    curve = json.loads((trained.folder / CURVE_FILE).read_text(encoding="utf-8"))
    assert curve == trained.curve.as_dict()
    assert curve["candidate"] == trained.candidate.name
    assert {(point["tier"], point["language"]) for point in curve["points"]} == {
        ("everyday", "de"),
        ("everyday", "en"),
    }
    # Ten few-shot and 72 calibration rows of a language; a fifth is held out.
    assert [point["labels"] for point in curve["points"] if point["language"] == "de"] == [10, 20, 40]


def test_the_pool_and_another_tier_are_learned_by_name(settings: Settings) -> None:
    pool = train(settings, pool=3, track=False)
    assert pool.rows == 20 + 2 * 2 * 3
    hard = learn(settings, tier="hard")
    assert {row.tier for row in hard.training.rows} == {"hard"}
    with pytest.raises(InputError, match=r"--tier: got 'easy'.*everyday or hard"):
        learn(settings, tier="easy")


def test_ten_labels_give_probabilities_that_differ(settings: Settings) -> None:
    """A head whose p(yes) is .50 for everything orders nothing that a person could see."""
    trained = learn(settings)
    texts = [row.text for row in trained.training.rows]
    p_yes = [row["yes"] for row in trained.training.predict(texts)]
    assert max(p_yes) - min(p_yes) > 0.2


def test_feedback_on_test_and_calibration_texts_is_not_learned(settings: Settings) -> None:
    """With the test sentences in the training, the encoder's test accuracy rises from .48 to .62."""
    task = load_task(settings.task)
    entries = [
        row.model_copy(update={"id": f"f{i}", "family": f"f{i}", "split": "feedback", "tier": None})
        for i, row in enumerate(row for row in load_all(task) if row.split in ("test", "calibration"))
    ]
    plain, more = learn(settings), learn(settings, extra=entries)
    assert more.training.truth.held_out == len(entries)
    assert more.rows == plain.rows
    assert more.release == plain.release
    description = json.loads((more.folder / "release.json").read_text(encoding="utf-8"))
    assert description["ground_truth_left_out"] == {"held_out": len(entries)}


def test_tfidf_without_scikit_learn_equals_scikit_learn() -> None:
    rows = load_data(load_task(Path("tasks/medical")), "calibration")
    candidate = next(c for c in CANDIDATES if c.kind == "tfidf-logistic")
    head, predict = fit_head(candidate, YES_NO, rows, {})
    texts = [*(row.text for row in rows), "Völlig unbekannte Wörter", "a", "Die Die die DIE ist"]
    np.testing.assert_allclose(
        TfidfHead(head, Labels()).read(texts)[0][:, 0],
        [row["yes"] for row in predict(texts)],
        atol=1e-12,
    )


def test_without_links_the_release_is_there_and_a_warning_names_its_folder(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", fail)
    trained = learn(settings)
    assert (settings.releases_dir / "current").read_text(encoding="utf-8") == f"{trained.folder.name}\n"
    assert {path.name for path in settings.releases_dir.iterdir()} == {"current", trained.folder.name}
    (warning,) = [line for line in caplog.records if line.levelname == "WARNING"]
    assert warning.message == "release not linked; use the name of its folder"
    assert (vars(warning)["link"], vars(warning)["folder"]) == ("encoder-untracked", str(trained.folder))


def test_a_tracked_training_registers_a_version_and_its_time_of_success(
    settings: Settings, mlflow_url: str, tmp_path: Path
) -> None:
    client = mlflow.MlflowClient(mlflow_url)
    client.create_experiment("medical", (tmp_path / "artifacts").as_uri())
    trained = train(settings.model_copy(update={"mlflow_url": mlflow_url}), pool=0)
    (version,) = client.search_model_versions("name = 'signalbox-medical-encoder'")
    assert trained.folder.name.startswith(f"encoder-v{version.version}-")
    assert (settings.releases_dir / f"encoder-v{version.version}").resolve() == trained.folder.resolve()
    assert not list(settings.releases_dir.glob("*.partial"))
    metrics = (tmp_path / "metrics" / "train-medical.prom").read_text(encoding="utf-8")
    assert f'{JOB_LAST_SUCCESS.name}{{job="train-medical"}}' in metrics
    run = client.get_run(version.run_id)
    assert run.data.params["tier"] == "everyday"
    figures = [name for name in run.data.metrics if name.startswith(("cv_", "learning_curve_"))]
    assert figures
    assert all(name.endswith((".everyday.de", ".everyday.en")) for name in figures)
    artifacts = {artifact.path for artifact in client.list_artifacts(version.run_id)}
    assert {CURVE_FILE, "head.json"} <= artifacts


def test_without_mlflow_the_hint_is_named(settings: Settings) -> None:
    away = settings.model_copy(update={"mlflow_url": "http://127.0.0.1:1"})
    with pytest.raises(SetupError, match="signalbox serve"):
        train(away, pool=0)
    assert not (settings.releases_dir / "current").exists()
    assert not (settings.state_dir / "metrics").exists()
