"""Calibration: thresholds that are fitted, languages that are left out, files."""

import pytest
import yaml
from mlflow import MlflowClient

from pipelines.calibrate import job as module
from pipelines.calibrate.fit import fit_language
from pipelines.calibrate.job import calibrate
from pipelines.calibrate.sparse import warn_of_sparse_verdicts
from pipelines.classes import YES_NO, Classes
from signalbox import thresholds
from signalbox.contracts.labels import NEUTRAL, YES, yes_no
from signalbox.contracts.metrics import JOB_LAST_SUCCESS
from signalbox.contracts.record import LabeledText, ModelRelease
from signalbox.errors import ModelUnavailable, SetupError
from signalbox.models.base import Answer
from signalbox.settings import Settings

RELEASE = ModelRelease(name="m", revision="1", engine="llama.cpp", quantization="Q4_1")


def row(number, label, language="en") -> LabeledText:
    return LabeledText(
        id=str(number),
        text=f"{label} {number}",
        label=label,
        language=language,
        family=str(number),
        split="calibration",
    )


def reply(p_yes, stated=YES, mass=0.8) -> Answer:
    return Answer(
        release=RELEASE, stated=stated, probabilities=yes_no(p_yes), verdict_mass=mass, latency_seconds=0.1
    )


ROWS = [row(i, "yes" if i % 2 else "no") for i in range(24)]


class Model:
    """A model that knows the label, fails the first times, and is Neutral in German."""

    def __init__(self, failures=0):
        self.failures = failures

    async def release(self):
        return RELEASE

    async def verdict(self, text, language):
        if self.failures and language == "en":
            self.failures -= 1
            raise ModelUnavailable("down")
        return reply(0.7 if "yes" in text else 0.2, NEUTRAL if language == "de" else YES)

    async def close(self):
        pass


@pytest.fixture
def settings(tmp_path):
    """A task of 24 English and 24 German rows, MLflow in a file."""
    folder = tmp_path / "tasks" / "toy"
    folder.mkdir(parents=True)
    spec = {"system": "s", "words": {"yes": ["Yes"], "no": ["No"]}, "turns": []}
    task = {"name": "toy", "title": {}, "question": {}, "languages": {"en": spec, "de": spec}}
    (folder / "task.yaml").write_text(yaml.safe_dump(task))
    rows = ROWS + [row(100 + i, "yes" if i % 2 else "no", "de") for i in range(24)]
    (folder / "data.jsonl").write_text("".join(r.model_dump_json() + "\n" for r in rows))
    return Settings(task=folder, state_dir=tmp_path / "run", mlflow_url=f"sqlite:///{tmp_path}/mlflow.db")


def test_thresholds_are_saved_and_the_run_is_logged(settings, monkeypatch):
    pytest.importorskip("sqlalchemy")
    monkeypatch.setattr(module, "make_client", lambda *_: Model())
    file = calibrate(settings, "decoder")
    assert file == thresholds.load(settings.thresholds_dir, "toy", RELEASE)
    # German answers are all Neutral, so German is left out.
    assert list(file.languages) == ["en"]
    assert file.languages["en"].decision == pytest.approx(0.45)
    client = MlflowClient(settings.mlflow_base_url)
    (run,) = client.search_runs([client.get_experiment_by_name("toy").experiment_id])
    assert run.data.tags["signalbox.job"] == "calibrate"
    assert run.data.metrics["en.auc"] == 1.0
    assert run.data.metrics["en.decision_threshold"] == pytest.approx(0.45)
    assert run.data.metrics["de.neutral_share"] == 1.0
    assert "de.decision_threshold" not in run.data.metrics
    metrics = (settings.state_dir / "metrics" / "calibrate-toy-decoder.prom").read_text(encoding="utf-8")
    assert f'{JOB_LAST_SUCCESS.name}{{job="calibrate-toy-decoder"}}' in metrics


def test_a_few_failures_are_left_out_and_many_are_raised(settings, monkeypatch):
    monkeypatch.setattr(module, "make_client", lambda *_: Model(failures=2))
    assert calibrate(settings, "decoder", log_run=False).languages["en"].rows == 22
    monkeypatch.setattr(module, "make_client", lambda *_: Model(failures=40))
    with pytest.raises(ModelUnavailable):
        calibrate(settings, "decoder", log_run=False)


def test_no_language_at_all_is_an_error_with_the_reason(settings, monkeypatch):
    monkeypatch.setattr(Model, "verdict", lambda *_: _neutral())
    monkeypatch.setattr(module, "make_client", lambda *_: Model())
    with pytest.raises(SetupError, match="24 neutral"):
        calibrate(settings, "decoder", log_run=False)
    assert not (settings.state_dir / "metrics").exists()


def test_kept_answers_are_reused_only_on_request_and_only_if_they_are_complete(settings, monkeypatch):
    calls, settings = [], settings.model_copy(update={"encoder_enabled": False})

    class Counting(Model):
        async def verdict(self, text, language):
            calls.append(text)
            return await super().verdict(text, language)

    monkeypatch.setattr(module, "make_client", lambda *_: Counting(failures=1))
    calibrate(settings, "decoder", log_run=False)
    monkeypatch.setattr(module, "make_client", lambda *_: Counting())
    first = calibrate(settings, "decoder", log_run=False, reuse=True)
    assert len(calls) == 96  # the failure was not kept
    assert calibrate(settings, "decoder", log_run=False, reuse=True) == first
    assert len(calls) == 96
    calibrate(settings, "decoder", log_run=False)
    assert len(calls) == 144


def test_the_answers_to_the_rows_are_stored_for_the_plan_of_a_certificate(settings, monkeypatch):
    monkeypatch.setattr(module, "make_client", lambda *_: Model())
    file = calibrate(settings, "decoder", log_run=False)
    assert len(file.answers["en"]) == 24
    assert not any(one.wrong for one in file.answers["en"])
    assert {one.verdict for one in file.answers["en"]} == {"yes", "no"}


async def _neutral():
    return reply(0.5, NEUTRAL)


def test_neutral_and_unreadable_answers_are_counted_but_not_fitted():
    answers = [reply(0.9 if r.label == "yes" else 0.1) for r in ROWS]
    answers[0], answers[1], answers[2] = (
        reply(0.9, NEUTRAL, 0.1),
        reply(None, mass=None),
        ModelUnavailable("x"),
    )
    result = fit_language("en", ROWS, answers, YES_NO)
    assert (result.rows, result.usable) == (24, 21)
    assert result.neutral_share == pytest.approx(1 / 23)
    assert result.mean_verdict_mass == pytest.approx((21 * 0.8 + 0.1) / 22)
    assert result.thresholds is not None
    assert result.auc == 1.0


def test_too_few_rows_are_the_reason():
    result = fit_language("en", ROWS[:10], [reply(0.5)] * 10, YES_NO)
    assert result.thresholds is None
    assert "10 usable of 10" in result.reason
    assert fit_language("en", [], [], YES_NO).auc is None


# --- routes -----------------------------------------------------------------------------------------------


class Encoder(Model):
    """Another release, sure of half of the rows."""

    async def release(self):
        return ENCODER

    async def verdict(self, text, language):
        sure = int(text.split()[-1]) % 2
        return reply((0.97 if "yes" in text else 0.03) if sure else 0.5).model_copy(
            update={"release": ENCODER}
        )


ENCODER = RELEASE.model_copy(update={"name": "encoder"})


def test_the_cascade_is_calibrated_on_the_rows_that_the_encoder_passes_on(settings, monkeypatch):
    more = [row(200 + i, "yes" if (i // 2) % 2 else "no") for i in range(60)]
    with (settings.task / "data.jsonl").open("a") as file:
        file.writelines(r.model_dump_json() + "\n" for r in more)
    clients = {"encoder": Encoder, "decoder": Model}
    monkeypatch.setattr(module, "make_client", lambda _, __, model: clients[model]())
    calibrate(settings, "encoder", log_run=False)
    calibrate(settings, "decoder", log_run=False)
    alone = thresholds.load(settings.thresholds_dir, "toy", RELEASE)
    cascade = thresholds.load(settings.thresholds_dir, "toy", RELEASE, route="cascade", earlier=[ENCODER])
    assert alone.languages["en"].rows == 84
    assert 20 <= cascade.languages["en"].rows < 84
    encoder = thresholds.load(settings.thresholds_dir, "toy", ENCODER)
    assert cascade.fits("en", [encoder.languages["en"]])
    assert cascade.route == "cascade"


def test_without_its_encoder_the_cascade_stays_uncalibrated_and_the_log_says_so(
    settings, monkeypatch, caplog
):
    failing = {"encoder": Model(failures=1000), "decoder": Model()}
    monkeypatch.setattr(module, "make_client", lambda _, __, model: failing[model])
    assert calibrate(settings, "decoder", log_run=False).languages
    assert len(list(settings.thresholds_dir.iterdir())) == 1
    assert any("start its first model and calibrate again" in record.message for record in caplog.records)


# --- more labels ------------------------------------------------------------------------------------------

THREE = Classes(("Netz/LAN", "Größe", "חירום"))


def replies(count, verdict):
    """Answers that are rather sure of one label."""
    probabilities = {label: 0.8 if label == verdict else 0.1 for label in THREE.labels}
    return [
        Answer(release=RELEASE, stated=verdict, probabilities=probabilities, latency_seconds=0.1)
        for _ in range(count)
    ]


def test_a_language_of_three_labels_has_cuts_by_verdict_and_few_rows_are_counted():
    rows = [row(i, THREE.labels[i >= 15]) for i in range(24)]
    result = fit_language("en", rows, [*replies(15, "Netz/LAN"), *replies(9, "Größe")], THREE)
    assert result.thresholds is not None
    assert tuple(result.thresholds.verdicts) == THREE.labels
    assert result.thresholds.calibration is not None
    assert result.sparse == {"Größe": 9, "חירום": 0}
    assert result.auc == 1.0


def test_few_rows_of_a_verdict_are_logged_with_their_number_and_the_need(caplog):
    warn_of_sparse_verdicts("en", {"Größe": 9}, 0.1)
    (warning,) = caplog.records
    assert (warning.language, warning.verdict, warning.rows, warning.needed) == ("en", "Größe", 9, 10)
