"""Labels of any script, their probabilities, and records of the first version."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from signalbox.contracts.labels import (
    LabelProbabilities,
    margin,
    normal_form,
    normalized,
    p_yes_of,
    ranking,
    slugs,
    yes_no,
)
from signalbox.contracts.record import Record
from tests.helpers import record

PROBABILITIES = TypeAdapter(LabelProbabilities)
ANY_LABELS = ["Zugang/Login", "zugang login", "Größe", "חירום", "الشبكة", "label 4", "a" * 60, "Zugang-Login"]


@pytest.mark.parametrize("name", ["Netz/Intranet", "sehr groß", "חירום", "می‌خواهم", "日本語"])
def test_a_label_may_have_any_script_spaces_and_slashes(name):
    assert normal_form(name) == name


def test_a_label_is_stored_in_one_normal_form():
    assert normal_form(unicodedata.normalize("NFD", "Größe")) == unicodedata.normalize("NFC", "Größe")


@pytest.mark.parametrize(
    "name", ["", "  ", " a", "a\n", "a\u2028b", "a\x00", "a" * 61, "\u202eabc", "\ud800"]
)
def test_a_label_that_cannot_be_shown_is_rejected(name):
    with pytest.raises(ValueError, match="label"):
        normal_form(name)


def test_slugs_are_safe_and_different():
    names = slugs(ANY_LABELS)
    assert list(names) == ANY_LABELS
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in names.values())
    assert len(set(names.values())) == len(ANY_LABELS)
    assert names["Größe"] == "grosse"


def test_no_slug_is_that_of_an_answer_without_a_label():
    assert slugs(["Neutral!", "b"]) == {"Neutral!": "neutral-label-1", "b": "b"}


@given(st.lists(st.text("aA-/ äל4label", min_size=1, max_size=9), min_size=2, max_size=20, unique=True))
def test_slugs_of_any_labels_are_different(labels):
    assert len(set(slugs(labels).values())) == len(labels)


@given(st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=20))
def test_probabilities_of_masses_keep_order_and_shares(masses):
    by_label = {f"l{i}": mass / len(masses) for i, mass in enumerate(masses)}
    probabilities, total = normalized(by_label)
    assert PROBABILITIES.validate_python(probabilities) == probabilities
    assert list(probabilities) == list(by_label)
    assert total == pytest.approx(sum(by_label.values()))
    best, runner_up = ranking(probabilities)[:2]
    assert by_label[best] == max(by_label.values())
    assert margin(probabilities) == probabilities[best] - probabilities[runner_up] >= 0.0


def test_no_mass_is_no_probability():
    assert normalized({"a": 0.0, "b": 0.0}) == (None, 0.0)


def test_equal_probabilities_are_ranked_in_the_order_of_the_task():
    assert ranking({"b": 0.4, "a": 0.4, "c": 0.2}) == ["b", "a", "c"]


@pytest.mark.parametrize("value", [{"a": 1.0}, {"a": 0.5, "b": 0.4}, {"a": 1.2, "b": -0.2}, {}])
def test_other_numbers_are_no_probabilities(value):
    with pytest.raises(ValidationError):
        PROBABILITIES.validate_python(value)


def test_p_yes_is_derived_of_yes_and_no_only():
    assert p_yes_of(yes_no(0.3)) == 0.3
    assert p_yes_of({"a": 0.3, "b": 0.7}) is None
    assert p_yes_of({"yes": 0.2, "no": 0.5, "none of these": 0.3}) is None
    assert record(probabilities=None).p_yes is None


def test_a_record_keeps_the_order_of_the_labels():
    written = record(verdict="Ü", probabilities={"z": 0.1, "Ü": 0.7, "a/b": 0.2})
    assert list(Record.model_validate_json(written.model_dump_json()).probabilities) == ["z", "Ü", "a/b"]


def _version_1(**changes):
    new = record().model_dump(mode="json")
    old = {name: value for name, value in new.items() if name not in {"probabilities", "score"}}
    return {**old, "schema_version": 1, "p_yes": 0.9, **changes}


@pytest.mark.parametrize("p_yes", [0.0, 0.1, 1.0, 0.9999999999999999, None])
def test_a_record_of_version_1_has_its_p_yes_exactly(p_yes):
    upgraded = Record.model_validate(_version_1(p_yes=p_yes))
    assert (upgraded.schema_version, upgraded.p_yes, upgraded.score) == (2, p_yes, None)
    assert Record.model_validate_json(upgraded.model_dump_json()) == upgraded


@pytest.mark.parametrize("p_yes", ["much", 7.0, [0.5]])
def test_a_record_of_version_1_with_another_p_yes_is_rejected(p_yes):
    with pytest.raises(ValidationError, match="probabilities"):
        Record.model_validate(_version_1(p_yes=p_yes))
