"""Calibration rows in the plan of a certificate."""

import pytest

from signalbox import thresholds
from signalbox.certificate.calibration import FEWEST_ROWS, calibration_of
from signalbox.contracts.certificate import CertificateKey
from signalbox.thresholds import CalibrationAnswer, ThresholdFile
from tests.helpers import RELEASE


def key(**changes) -> CertificateKey:
    fields = {
        "task": "medical",
        "language": "en",
        "verdict": "yes",
        "route": "decoder",
        "releases": (RELEASE,),
        "prompt_digest": None,
        "thresholds_digests": ("digest",),
    }
    return CertificateKey(**{**fields, **changes})


@pytest.fixture
def folder(tmp_path):
    answers = [CalibrationAnswer(verdict="yes", score=n, wrong=n < 3) for n in range(FEWEST_ROWS)]
    few = [CalibrationAnswer(verdict="no", score=1.0, wrong=False)] * (FEWEST_ROWS - 1)
    file = ThresholdFile(task="medical", release=RELEASE, languages={}, answers={"en": (*answers, *few)})
    thresholds.save(tmp_path, file)
    return tmp_path


def test_the_rows_of_a_verdict_have_scores_and_errors(folder):
    scores, wrong = calibration_of(folder, key())
    assert scores == list(range(FEWEST_ROWS))
    assert sum(wrong) == 3
    scores, _ = calibration_of(folder, key(verdict=None))
    assert len(scores) == 2 * FEWEST_ROWS - 1


def test_few_rows_another_language_and_several_models_leave_the_prior_alone(folder):
    assert calibration_of(folder, key(verdict="no")) is None
    assert calibration_of(folder, key(language="de")) is None
    assert calibration_of(folder, key(releases=(RELEASE, RELEASE))) is None
    assert calibration_of(folder / "none", key()) is None
