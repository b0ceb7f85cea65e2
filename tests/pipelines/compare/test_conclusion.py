"""Which model does it: the conclusion and its sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.compare.conclusion import MAJORITY, Contender, Status, conclude, rows_more
from pipelines.compare.sentences import sentence
from pipelines.statistics import Pairs

GIB = 2**30


def contender(name, wrong, rows, size=GIB, calibration=None):
    """A contender that is wrong on `wrong` rows, given as a number of the first rows or as a set of rows."""
    errors = set(range(wrong)) if isinstance(wrong, int) else wrong
    return Contender(name, tuple(float(n not in errors) for n in range(rows)), size, calibration)


def alone(rows):
    return [str(n) for n in range(rows)]


def majority(rows):
    return Contender(MAJORITY, tuple(float(n % 2) for n in range(rows)))


@pytest.mark.parametrize(("rows", "named"), [(20, "70B"), (40, "70B"), (100, "70B"), (256, "1B")])
def test_a_weaker_model_is_not_named_for_want_of_rows(rows, named):
    """Five rows lost and none won: 25, 12.5, 5 and 2 points, of which only the last is shown to be within 5 points."""
    contenders = [
        contender("70B", 0, rows, 140 * GIB, 0.9),
        contender("1B", 5, rows, 2 * GIB, 0.8),
        majority(rows),
    ]
    conclusion = conclude(contenders, alone(rows), 0.05)
    assert conclusion.finding("1B").upper == pytest.approx(
        {20: 0.43, 40: 0.24, 100: 0.099, 256: 0.04}[rows], abs=0.005
    )
    assert conclusion.finding("1B").status is (Status.SHOWN if rows == 256 else Status.UNDECIDED)
    assert conclusion.model == named


def test_the_smallest_of_those_that_do_it_is_named():
    rows = 300
    contenders = [
        contender("large", 3, rows, 8 * GIB, 0.98),
        contender("middle", 5, rows, 2 * GIB, 0.97),
        contender("small", 90, rows, GIB, 0.7),
        majority(rows),
    ]
    conclusion = conclude(contenders, alone(rows), 0.05)
    assert conclusion.model == "middle"
    assert conclusion.finding("small").status is Status.WORSE
    assert sentence(conclusion).startswith("middle is the smallest that does it: it loses at most 2")


def test_a_baseline_may_do_it():
    rows = 300
    contenders = [contender("large", 4, rows, GIB, 0.9), contender("tfidf", 3, rows, 0, 0.95), majority(rows)]
    conclusion = conclude(contenders, alone(rows), 0.05)
    assert conclusion.model == "tfidf"
    assert sentence(conclusion).startswith("TF-IDF is the smallest that does it")


def test_a_model_of_unknown_size_is_not_the_smallest():
    rows = 300
    contenders = [
        contender("there", 3, rows, None, 0.9),
        contender("here", 3, rows, GIB, 0.9),
        majority(rows),
    ]
    assert conclude(contenders, alone(rows), 0.05).model == "here"


def test_models_that_guess_do_not_do_it_however_equal_they_are():
    rows = 300
    guess = {n for n in range(rows) if (n // 2) % 2}
    contenders = [
        contender("a", guess, rows, GIB, 0.5),
        contender("b", guess, rows, 2 * GIB, 0.5),
        majority(rows),
    ]
    conclusion = conclude(contenders, alone(rows), 0.05)
    assert conclusion.model is None
    assert {conclusion.finding(name).status for name in "ab"} == {Status.NOT_BETTER}
    assert sentence(conclusion).startswith(
        "No model is shown to be better than the majority on these 300 rows"
    )


def test_the_missing_rows_are_in_the_sentence():
    rows = 100
    wrong = contender("small", set(range(5)), rows, GIB, 0.9)
    other = contender("large", set(range(5, 10)), rows, 2 * GIB, 0.9)
    conclusion = conclude([wrong, other, majority(rows)], alone(rows), 0.05)
    assert conclusion.model is None
    assert conclusion.finding("large").rows_more == 148  # 248 for a discordant share of .1
    assert sentence(conclusion).startswith(
        "Not shown which model does it, on these 100 rows of 100 families: large"
    )
    assert "148 more rows would decide" in sentence(conclusion)


def test_the_first_that_is_not_shown_ends_the_tests():
    """The order is that of the calibration split: what comes later is not tested, whatever its rows say."""
    rows = 300
    first = contender("first", set(range(200, 240)), rows, GIB, 0.99)
    later = contender("later", 3, rows, 2 * GIB, 0.9)
    conclusion = conclude([later, first, majority(rows)], alone(rows), 0.05)
    assert [one.name for one in conclusion.findings] == ["first", "later", MAJORITY]
    assert conclusion.finding("first").status is Status.WORSE
    assert conclusion.finding("later").status is Status.BLOCKED
    assert conclusion.model is None


def test_without_calibration_the_largest_is_tested_first():
    rows = 50
    conclusion = conclude(
        [
            contender("small", 1, rows, GIB),
            contender("large", 1, rows, 2 * GIB),
            contender("there", 1, rows, None),
            majority(rows),
        ],
        alone(rows),
        0.05,
    )
    assert [one.name for one in conclusion.findings] == ["there", "large", "small", MAJORITY]


def test_a_clone_that_looks_best_does_not_vouch_for_a_model():
    """Both lose 5 rows to the third; the loss to the best is the largest bound over all others."""
    rows = 60
    errors = set(range(5))
    clone = contender("clone", errors, rows, 2 * GIB, 0.9)
    conclusion = conclude(
        [
            contender("small", errors, rows, GIB, 0.9),
            clone,
            contender("third", 0, rows, 3 * GIB, 0.8),
            majority(rows),
        ],
        alone(rows),
        0.05,
    )
    assert conclusion.finding("small").rival == "third"
    assert conclusion.finding("small").status is Status.UNDECIDED


def test_rows_of_a_family_are_no_evidence_of_their_own():
    rows = 128
    contenders = [
        contender("large", 0, rows, 2 * GIB, 0.9),
        contender("small", 2, rows, GIB, 0.9),
        majority(rows),
    ]
    assert conclude(contenders, alone(rows), 0.05).finding("small").status is Status.SHOWN
    assert (
        conclude(contenders, [str(n // 8) for n in range(rows)], 0.05).finding("small").status
        is Status.UNDECIDED
    )


def test_more_rows_are_as_many_as_those_of_this_kind():
    assert rows_more(Pairs(5, 5, 100), 100, 0.05) == 148
    assert rows_more(Pairs(5, 5, 50), 100, 0.05) == 2 * 495 - 100
    assert rows_more(Pairs(100, 50, 1000), 1000, 0.05) is None


@given(
    st.lists(st.lists(st.booleans(), min_size=12, max_size=12), min_size=2, max_size=5), st.floats(0.01, 0.5)
)
def test_any_rows_lead_to_a_sentence(columns, margin):
    names = [MAJORITY, "encoder", "decoder", "cascade", "tfidf"]
    contenders = [
        Contender(n, tuple(map(float, c)), 10 * i)
        for i, (n, c) in enumerate(zip(names, columns, strict=False))
    ]
    conclusion = conclude(contenders, [str(n // 2) for n in range(12)], margin)
    assert sentence(conclusion).endswith(".")
    assert (conclusion.model is None) == sentence(conclusion).startswith(("No model", "Not shown"))


def test_a_comparison_needs_something_to_compare():
    with pytest.raises(ValueError, match="needs the majority"):
        conclude([majority(4)], alone(4), 0.05)
