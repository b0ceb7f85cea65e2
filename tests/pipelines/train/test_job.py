"""Training writes a release that the service can load, and its thresholds."""

from pathlib import Path

import mlflow
import numpy as np
import pytest

from pipelines.classes import YES_NO
from pipelines.train.candidates import CANDIDATES, fit_head
from pipelines.train.encoders import load_encoder
from pipelines.train.job import train
from services.encoder.runtime import Encoder, Labels, TfidfHead
from signalbox import thresholds
from signalbox.contracts.metrics import JOB_LAST_SUCCESS
from signalbox.contracts.record import LabeledText
from signalbox.errors import SetupError
from signalbox.settings import Settings
from signalbox.tasks import load_data, load_task


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path)


def test_release_answers_as_trained(settings: Settings) -> None:
    trained = train(settings, track=False)
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
    first = train(settings, track=False)
    assert link.resolve() == first.folder.resolve()
    assert not link.readlink().is_absolute()  # a claim is mounted under other paths elsewhere
    row = LabeledText(id="x", text="More.", label="yes", language="en", family="x", split="feedback")
    second = train(settings, extra=[row], track=False)
    assert link.resolve() == second.folder.resolve() != first.folder.resolve()
    assert first.folder.is_dir()


def test_the_same_data_give_the_same_release(settings: Settings) -> None:
    assert train(settings, track=False).release == train(settings, track=False).release


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
    plain, more = train(settings, track=False), train(settings, extra=extra, track=False)
    assert more.rows == plain.rows + 6
    assert more.release != plain.release


def test_every_candidate_is_scored_on_families_it_has_not_seen(settings: Settings) -> None:
    scores = train(settings, track=False).scores
    assert [score.candidate for score in scores] == list(CANDIDATES)
    assert all(np.isfinite(score.log_loss) for score in scores)


def test_tfidf_without_scikit_learn_equals_scikit_learn() -> None:
    rows = load_data(load_task(Path("tasks/medical")), "calibration")
    embed = load_encoder("minilm", Settings().cache_dir).embed
    vectors = dict(zip([row.text for row in rows[:2]], embed([row.text for row in rows[:2]]), strict=True))
    candidate = next(c for c in CANDIDATES if c.kind == "tfidf-logistic")
    head, predict = fit_head(candidate, YES_NO, rows, vectors)
    texts = [*(row.text for row in rows), "Völlig unbekannte Wörter", "a", "Die Die die DIE ist"]
    np.testing.assert_allclose(
        TfidfHead(head, Labels()).probabilities(texts)[:, 0],
        [row["yes"] for row in predict(texts)],
        atol=1e-12,
    )


def test_without_links_the_release_is_there_and_a_warning_names_its_folder(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", fail)
    trained = train(settings, track=False)
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
    trained = train(settings.model_copy(update={"mlflow_url": mlflow_url}))
    (version,) = client.search_model_versions("name = 'signalbox-medical-encoder'")
    assert trained.folder.name.startswith(f"encoder-v{version.version}-")
    assert (settings.releases_dir / f"encoder-v{version.version}").resolve() == trained.folder.resolve()
    assert not list(settings.releases_dir.glob("*.partial"))
    metrics = (tmp_path / "metrics" / "train-medical.prom").read_text(encoding="utf-8")
    assert f'{JOB_LAST_SUCCESS.name}{{job="train-medical"}}' in metrics


def test_without_mlflow_the_hint_is_named(settings: Settings) -> None:
    away = settings.model_copy(update={"mlflow_url": "http://127.0.0.1:1"})
    with pytest.raises(SetupError, match="signalbox serve"):
        train(away)
    assert not (settings.releases_dir / "current").exists()
    assert not (settings.state_dir / "metrics").exists()
