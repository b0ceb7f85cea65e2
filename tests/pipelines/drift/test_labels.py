"""Drift over more than two labels: all verdicts in one test, and the margin instead of p(yes)."""

import numpy as np
import pytest

from pipelines.classes import YES_NO, Classes
from pipelines.drift.comparison import Verdict, columns_of, compare
from pipelines.samples import Sample, output_of
from pipelines.windows import Group, Pair
from tests.helpers import RELEASE

OURS = Group("decoder", "en", RELEASE.key)
LABELS = {count: Classes(tuple(f"Größe {i}/ä" for i in range(count))) for count in (3, 20)}


def window(classes, rows, shares, seed):
    """Answers with these shares of verdicts, and margins that do not depend on them."""
    rng = np.random.default_rng(seed)
    sample = Sample()
    sample.fill("output", [float(p) for p in rng.beta(2, 3, rows)])
    sample.fill("verdict", rng.choice(classes.verdicts, rows, p=shares).tolist())
    sample.fill("candidate_light", ["yellow"] * rows)
    return sample


def verdict_of(classes, reference, current):
    rows = compare(classes, {OURS: Pair(reference, current)})
    return {row.column: row.verdict for row in rows}


@pytest.mark.parametrize("count", LABELS)
def test_a_label_that_grows_is_seen_and_one_that_does_not_is_not(count):
    classes = LABELS[count]
    even = np.full(count + 1, 1 / (count + 1))
    grown = even.copy()
    grown[0], grown[1:] = 0.5, 0.5 / count
    reference = window(classes, 2000, even, 1)
    assert verdict_of(classes, reference, window(classes, 400, grown, 2))["verdict"] is Verdict.DRIFT
    same = verdict_of(classes, reference, window(classes, 400, even, 3))
    assert (same["verdict"], same["margin"]) == (Verdict.NONE_SEEN, Verdict.NONE_SEEN)


def test_more_labels_need_more_rows():
    needs = [columns_of(classes)[1].needs(0.5, 0.01) for classes in (YES_NO, LABELS[3], LABELS[20])]
    assert needs == sorted(needs)
    assert needs[0] < needs[-1]


@pytest.mark.parametrize(
    ("classes", "name"),
    [
        (YES_NO, "p_yes"),
        (Classes(("ruhig", "eil-ig"), "eil-ig"), "p_eil_ig"),
        (LABELS[3], "margin"),
    ],
)
def test_the_first_column_is_what_the_model_says(classes, name):
    assert columns_of(classes)[0].name == name


def test_the_margin_is_that_of_the_probabilities_whatever_the_calibration_says():
    """Else each calibration would look like drift of the model."""
    classes = Classes(("a", "b", "c"))
    assert output_of({"a": 0.6, "b": 0.3, "c": 0.1}, classes) == pytest.approx(0.3)
    assert output_of({"yes": 0.3, "no": 0.7}, YES_NO) == 0.3
    assert output_of(None, classes) is None
