"""Encoders for training give the vectors that a release serves, and a release has their files."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.classes import Classes
from pipelines.train.candidates import CANDIDATES, fit_head, texts_of
from pipelines.train.encoders import WITH_VECTORS, load_encoder, release_files
from pipelines.train.ground_truth import GroundTruth
from pipelines.train.learning_curve import LearningCurve
from pipelines.train.release import CURVE_FILE, Training, write_release
from services.encoder.runtime import Encoder, embedder_of
from signalbox.contracts.encoders import ENCODERS, MAX_TOKENS, NETWORKS, networks_of
from signalbox.errors import SetupError
from signalbox.settings import Settings
from signalbox.tasks import load_data, load_task

CACHE = Settings().cache_dir
TEXTS = [
    "Socio-medical indication for the aid is confirmed.",
    "Die Maßnahme wird nicht befürwortet.",
    "",
    " \t\n",
    "\x00\ufeff\u200b",
    "🧑‍⚕️🏳️‍🌈 אֲנִי ไทย 한국어",
    "word " * 3000,
]


@pytest.mark.parametrize("name", WITH_VECTORS)
def test_a_vector_depends_on_its_text_alone(name: str) -> None:
    encoder = load_encoder(name, CACHE)
    together = encoder.embed(TEXTS)
    assert together.dtype == np.float32
    assert together.shape == (len(TEXTS), encoder.dimension)
    assert np.isfinite(together).all()
    assert np.array_equal(together, np.vstack([encoder.embed([text]) for text in TEXTS]))
    assert encoder.embed([]).shape == (0, encoder.dimension)


def test_both_is_one_next_to_the_other() -> None:
    parts = [load_encoder(name, CACHE).embed(TEXTS[:2]) for name in ENCODERS["both"]]
    assert np.array_equal(load_encoder("both", CACHE).embed(TEXTS[:2]), np.hstack(parts))


def test_an_unknown_encoder_is_named_with_the_known_ones() -> None:
    with pytest.raises(SetupError, match=r"`bert`, which is none of minilm, use, both, tfidf"):
        load_encoder("bert", CACHE)


@pytest.mark.parametrize("name", WITH_VECTORS)
def test_the_service_computes_the_vectors_of_the_training(name: str, tmp_path: Path) -> None:
    for file, path in release_files(name, CACHE).items():
        (tmp_path / file).symlink_to(path)
    served = embedder_of(tmp_path, networks_of(name))
    expected = load_encoder(name, CACHE).embed(TEXTS)
    np.testing.assert_allclose(np.vstack([served.read([text])[0] for text in TEXTS]), expected, atol=1e-5)


@pytest.mark.parametrize(("name", "text"), [("minilm", "한"), ("use", "\ufdfa")])
def test_a_short_text_of_many_tokens_is_cut_off(name: str, text: str, tmp_path: Path) -> None:
    """Normalization makes several tokens of one character: syllables become letters, a ligature a sentence."""
    for file, path in release_files(name, CACHE).items():
        (tmp_path / file).symlink_to(path)
    texts = [f"{text} " * 120, f"{text} " * 4, "Die Maßnahme wird nicht befürwortet. " * 4]
    assert len(texts[0]) < MAX_TOKENS
    assert embedder_of(tmp_path, networks_of(name)).read(texts)[1] == [True, False, False]


@pytest.mark.parametrize("name", ENCODERS)
def test_a_release_of_each_encoder_answers_as_trained(name: str, tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    task = load_task(settings.task)
    training = trained(settings, name)
    result = write_release(settings, task, training, f"untracked-{name}")
    description = json.loads((result.folder / "release.json").read_text(encoding="utf-8"))
    assert description["encoder"] == name
    files = {file for network in networks_of(name) for file in (network.model, network.tokenizer)}
    of_any = {file for network in NETWORKS.values() for file in (network.model, network.tokenizer)}
    names = {path.name for path in result.folder.iterdir()}
    assert names & of_any == files
    assert CURVE_FILE in names
    texts = [row.text for row in load_data(task, "calibration")[:8]]
    rows = Encoder(result.folder)
    answers = [rows.probabilities([text])[0]["yes"] for text in texts]
    assert answers == pytest.approx([row["yes"] for row in training.predict(texts)], abs=1e-4)


def trained(settings: Settings, name: str) -> Training:
    """A training whose candidate is the first one of that encoder, on the few-shot rows."""
    task = load_task(settings.task)
    classes, rows = Classes.of(task), load_data(task, "few-shot")
    candidate = next(item for item in CANDIDATES if item.encoder == name)
    texts = texts_of([*rows, *load_data(task, "calibration")])
    embedded = dict(zip(texts, load_encoder(name, CACHE).embed(texts), strict=True)) if ENCODERS[name] else {}
    head, predict = fit_head(candidate, classes, rows, {name: embedded})
    curve = LearningCurve(candidate.name, (), ())
    return Training(rows, (), candidate, head, predict, curve, GroundTruth(()))


def test_a_release_from_before_encoders_had_names_still_loads(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    for name in ("minilm", "tfidf"):
        folder = write_release(
            settings, load_task(settings.task), trained(settings, name), f"old-{name}"
        ).folder
        path = folder / "release.json"
        description = json.loads(path.read_text(encoding="utf-8"))
        expected = Encoder(folder).probabilities(TEXTS[:2])
        del description["encoder"]
        path.write_text(json.dumps(description), encoding="utf-8")
        assert Encoder(folder).probabilities(TEXTS[:2]) == expected


@pytest.mark.parametrize("file", ["use.onnx", "use.tokenizer.json"])
def test_a_release_without_a_file_of_its_encoder_is_an_error_that_names_it(file: str, tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    folder = write_release(settings, load_task(settings.task), trained(settings, "use"), "cut").folder
    (folder / file).unlink()
    with pytest.raises(SetupError, match=f"{file} of USE-multilingual-v3 is missing"):
        Encoder(folder)


def test_a_release_of_an_encoder_that_this_version_does_not_know_is_an_error(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    folder = write_release(settings, load_task(settings.task), trained(settings, "tfidf"), "later").folder
    path = folder / "release.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"tfidf"', '"e5"'), encoding="utf-8")
    with pytest.raises(SetupError, match=r"`e5`, which is none of"):
        Encoder(folder)
