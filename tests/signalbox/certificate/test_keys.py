"""The key of a certificate: from the newest calibrated answers, and what belongs to it."""

import shutil
from datetime import timedelta

import pytest

from signalbox.certificate.keys import current_key, differences, prompt_digest
from signalbox.contracts.labels import YES
from signalbox.errors import InputError
from signalbox.tasks import load_task
from signalbox.thresholds import UNCALIBRATED
from tests.signalbox.certificate.examples import (
    RELEASE,
    START,
    TASK_FOLDER,
    THRESHOLDS,
    key,
    prompt,
    record,
    task,
)

ENCODER = RELEASE.model_copy(update={"name": "small", "engine": "onnxruntime"})


def newest(rows, route="decoder"):
    return current_key(rows, task(), "en", route, YES)


def test_the_newest_release_and_thresholds_of_an_engine_make_the_key():
    older = record(1, release=RELEASE.model_copy(update={"revision": "0"}), thresholds_digest="0" * 16)
    assert newest([record(2), older]) == key()


def test_a_cascade_has_all_its_releases():
    rows = [
        record(1, route="cascade", release=ENCODER, thresholds_digest="e" * 16),
        record(2, route="cascade", thresholds_digest="d" * 16),
    ]
    both = newest(rows, "cascade")
    assert both.releases == (RELEASE, ENCODER)
    assert both.thresholds_digests == ("d" * 16, "e" * 16)


@pytest.mark.parametrize("digest", [None, UNCALIBRATED])
def test_uncalibrated_answers_have_no_key(digest):
    later = record(5, thresholds_digest=digest, created_at=START + timedelta(days=1))
    with pytest.raises(InputError, match="no calibrated answer"):
        newest([later])
    assert newest([record(1), later]).thresholds_digests == (THRESHOLDS,)


def test_records_of_evaluations_are_no_answers_of_users():
    with pytest.raises(InputError, match="no calibrated answer"):
        newest([record(1, source="evaluation")])


def test_a_prompt_has_a_digest_where_a_decoder_reads_it(tmp_path):
    assert prompt_digest(task(), "en", "encoder") is None
    assert prompt_digest(task(), "en", "cascade") == prompt() != prompt_digest(task(), "de", "decoder")
    shutil.copytree(TASK_FOLDER, tmp_path / "medical")
    file = tmp_path / "medical" / "task.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in (("give a brief reason", "give a reason"), ("conceivable but", "thinkable but")):
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        assert prompt_digest(load_task(tmp_path / "medical"), "en", "decoder") != prompt()


def test_each_difference_is_named():
    same = {"release": RELEASE, "thresholds_digest": THRESHOLDS, "prompt": prompt()}
    assert differences(key(), **same) == []
    for name, field in (
        ("release", "release"),
        ("thresholds_digest", "thresholds_digest"),
        ("prompt", "prompt_digest"),
    ):
        assert differences(key(), **{**same, name: None}) == [field]
