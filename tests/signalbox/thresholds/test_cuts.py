"""Cut-offs of two labels and of more, and files of the first version."""

import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from signalbox.contracts.labels import ABSTAIN, yes_no
from signalbox.thresholds import (
    MINIMUM_ROWS,
    ThresholdFile,
    Thresholds,
    VerdictCuts,
    fit,
    fit_binary,
    score_of,
)

OLD_FILE = Path("tests/data/store-v1/thresholds.json")
THREE = ("Netz", "Größe", "חירום")


def cuts(confident=None, unclear=0.0) -> VerdictCuts:
    return VerdictCuts(confident=confident, unclear=unclear)


BINARY_CUTS = Thresholds(
    positive="yes",
    decision=0.4,
    verdicts={"yes": cuts(0.8, 0.45), "no": cuts(0.1, 0.35)},
    rows=40,
    target_error=0.1,
)
MARGINS = Thresholds(
    verdicts={THREE[0]: cuts(0.5, 0.2), THREE[1]: cuts(None, 0.1), THREE[2]: cuts(0.9, 1.0)},
    rows=60,
    target_error=0.1,
)


def test_a_file_of_the_first_version_is_read():
    file = ThresholdFile.model_validate_json(OLD_FILE.read_bytes())
    assert file.languages["en"] == BINARY_CUTS
    assert file.languages["de"].verdicts == {"yes": cuts(None, 0.5), "no": cuts(None, 0.5)}
    assert ThresholdFile.model_validate_json(file.model_dump_json()) == file


@pytest.mark.parametrize(
    "changes",
    [
        {"positive": "maybe"},
        {"positive": None},
        {"decision": None},
        {"verdicts": {"yes": cuts()}},
        {"verdicts": {"yes": cuts(), "no": cuts(), "maybe": cuts()}},
    ],
)
def test_cut_offs_that_fit_no_labels_are_rejected(changes):
    with pytest.raises(ValidationError):
        Thresholds.model_validate({**BINARY_CUTS.model_dump(), **changes})


@pytest.mark.parametrize(
    ("probabilities", "verdict", "confident", "unclear"),
    [
        ((0.75, 0.125, 0.125), "Netz", True, False),
        ((0.5, 0.25, 0.25), "Netz", False, False),
        ((0.4, 0.3, 0.3), "Netz", False, True),
        ((0.05, 0.9, 0.05), "Größe", False, False),
        ((0.0, 0.0, 1.0), "חירום", True, True),
    ],
)
def test_more_labels_are_cut_by_the_margin_of_their_verdict(probabilities, verdict, confident, unclear):
    row = dict(zip(THREE, probabilities, strict=True))
    assert MARGINS.verdict(row) == verdict
    assert (MARGINS.is_confident(row), MARGINS.is_unclear(row)) == (confident, unclear)


def test_thresholds_cover_their_own_labels_only():
    row = dict.fromkeys(THREE, 1 / 3)
    assert MARGINS.cover(row)
    assert MARGINS.cover({**row, ABSTAIN: 0.0})
    assert not MARGINS.cover({**row, "new": 0.0})
    assert not MARGINS.cover({"Netz": 0.5, "Größe": 0.5})
    assert BINARY_CUTS.cover(yes_no(0.5))
    assert not BINARY_CUTS.cover({"yes": 0.4, "no": 0.4, ABSTAIN: 0.2})


def test_the_score_of_two_labels_is_the_distance_of_logits_from_the_cut():
    assert score_of(yes_no(0.9), BINARY_CUTS) == pytest.approx(math.log(9) - math.log(0.4 / 0.6))
    assert score_of(yes_no(0.4), BINARY_CUTS) == 0.0
    assert score_of(yes_no(0.1), None) == pytest.approx(math.log(9))
    assert math.isfinite(score_of(yes_no(1.0), BINARY_CUTS))


def test_the_score_of_more_labels_is_the_margin():
    assert score_of({"a": 0.5, "b": 0.3, "c": 0.2}, None) == pytest.approx(0.2)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=MINIMUM_ROWS, max_size=60))
def test_the_fit_of_two_labels_does_not_depend_on_their_names(rows):
    p, truth = [p for p, _ in rows], [y for _, y in rows]
    if len(set(truth)) < 2:
        return
    probabilities = [{"ruhig": 1.0 - x, "eilig": x} for x in p]
    labels = ["eilig" if y else "ruhig" for y in truth]
    named = fit(probabilities, labels, positive="eilig")
    plain = fit_binary(p, truth)
    assert named.decision == plain.decision
    assert named.verdicts == {"eilig": plain.verdicts["yes"], "ruhig": plain.verdicts["no"]}


def test_a_fit_of_three_labels_finds_where_each_verdict_is_right():
    """Netz is always right, Größe only from a margin of .5 up, and חירום never."""
    rows = [({"Netz": 0.8, "Größe": 0.1, "חירום": 0.1}, "Netz")] * 10
    rows += [({"Netz": 0.1, "Größe": 0.8, "חירום": 0.1}, "Größe")] * 10
    rows += [({"Netz": 0.3, "Größe": 0.5, "חירום": 0.2}, "Netz")] * 10
    rows += [({"Netz": 0.2, "Größe": 0.2, "חירום": 0.6}, "Netz")] * 10
    fitted = fit([p for p, _ in rows], [label for _, label in rows])
    assert (fitted.positive, fitted.decision, fitted.rows) == (None, None, 40)
    assert (fitted.verdicts["Netz"].confident, fitted.verdicts["Netz"].unclear) == (pytest.approx(0.7), 0.0)
    assert fitted.verdicts["Größe"].confident == pytest.approx(0.7)
    assert 0.2 < fitted.verdicts["Größe"].unclear < 0.7
    assert fitted.verdicts["חירום"].confident is None
    assert fitted.verdicts["חירום"].unclear > 0.4


@given(st.integers(0, 10_000))
def test_a_confident_zone_of_twenty_labels_keeps_its_target(seed):
    rng = random.Random(seed)
    labels = [f"l{i}" for i in range(20)]
    rows = []
    for _ in range(60):
        masses = [rng.random() ** 4 for _ in labels]
        rows.append({label: mass / sum(masses) for label, mass in zip(labels, masses, strict=True)})
    truth = [rng.choice(labels) if rng.random() < 0.5 else max(row, key=row.get) for row in rows]
    fitted = fit(rows, truth, target_error=0.2)
    for verdict in labels:
        inside = [
            label == verdict
            for row, label in zip(rows, truth, strict=True)
            if fitted.verdict(row) == verdict and fitted.is_confident(row)
        ]
        assert not inside or inside.count(False) / len(inside) <= 0.2


@pytest.mark.parametrize(
    ("rows", "labels", "problem"),
    [
        ([{"a": 0.4, "b": 0.3, "c": 0.3}] * 30, ["a"] * 30, "two labels"),
        ([{"a": 0.4, "b": 0.3, "c": 0.3}] * 5, ["a", "b", "c", "a", "b"], "20 rows"),
        ([{"a": 0.4, "b": 0.6}, {"a": 0.4, "c": 0.6}], ["a", "b"], "different labels"),
        ([], [], "20 rows"),
    ],
)
def test_rows_that_are_too_few_or_of_other_labels_are_rejected(rows, labels, problem):
    with pytest.raises(ValueError, match=problem):
        fit(rows, labels)
