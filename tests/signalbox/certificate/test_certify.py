"""Properties of the procedure: what must never certify more, and what must change nothing."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.certificate import certify, certify_by_verdict, make_plan
from signalbox.certificate.certify import as_labels
from signalbox.certificate.evidence import certified, check_in_zone, evaluate, looks
from signalbox.errors import InputError

ALPHA = DELTA = 0.1
POOL = [i / 1000 for i in range(2000)]
PLAN = make_plan(POOL, ALPHA, DELTA)


def sample(seed: int, count: int, rate: float) -> tuple[list[float], list[bool]]:
    rng = random.Random(seed)
    scores = [rng.uniform(PLAN.zone, POOL[-1]) for _ in range(count)]
    return scores, [rng.random() < rate for _ in scores]


def call(score, wrong, **options) -> float | None:
    return certify(score, wrong, POOL, ALPHA, DELTA, **{"said_yes": None, "propensity": None, **options})


def strictness(threshold: float | None) -> float:
    """Larger for fewer green answers."""
    return float("inf") if threshold is None else threshold


labeled = st.tuples(st.integers(0, 10_000), st.integers(40, 160), st.sampled_from([0.0, 0.02, 0.05]))


def test_flawless_labels_certify_the_whole_zone():
    score, wrong = sample(1, 100, 0.0)
    assert call(score, wrong) == PLAN.zone


def test_no_labels_certify_nothing():
    assert call([], []) is None


@settings(max_examples=60)
@given(labeled, st.data())
def test_an_error_more_never_certifies_more(rows, data):
    score, wrong = sample(*rows)
    index = data.draw(st.integers(0, len(wrong) - 1))
    worse = [*wrong[:index], True, *wrong[index + 1 :]]
    assert strictness(call(score, worse)) >= strictness(call(score, wrong))


@settings(max_examples=30)
@given(labeled)
def test_looks_agree_with_calls_after_each_label(rows):
    score, wrong = sample(*rows)
    seen = list(looks(as_labels(score, wrong), PLAN))
    assert seen[::7] == [call(score[:n], wrong[:n]) for n in range(1, len(score) + 1)][::7]


@settings(max_examples=30)
@given(labeled, st.integers(1, 200))
def test_labels_below_the_zone_change_nothing(rows, count):
    score, wrong = sample(*rows)
    low = [PLAN.zone - 0.01] * count
    assert call([*low, *score], [*[False] * count, *wrong]) == call(score, wrong)


def test_a_chance_of_zero_above_a_threshold_refuses_it():
    score, wrong = sample(3, 100, 0.0)
    assert call(score, wrong, propensity=[0.0, *[0.5] * 99]) is None
    lowest = score.index(min(score))
    chances = [0.0 if i == lowest else 0.5 for i in range(100)]
    assert strictness(call(score, wrong, propensity=chances)) > min(score)


def test_unequal_chances_are_thinned_to_the_least():
    """Half of the labels were requested four times as often, so three quarters of them do not count."""
    score, wrong = sample(4, 400, 0.0)
    chances = [1.0 if i % 2 else 0.25 for i in range(400)]
    row = evaluate(as_labels(score, wrong, chances), PLAN)[-1]
    assert row.floor == 0.25
    assert 200 + 25 < row.labels < 200 + 75


def test_an_equal_chance_is_as_good_as_none():
    score, wrong = sample(5, 100, 0.02)
    assert call(score, wrong, propensity=0.05) == call(score, wrong, propensity=[0.05] * 100)
    assert call(score, wrong, propensity=0.05) == call(score, wrong)


def test_thinning_is_the_same_at_each_replay_and_differs_by_seed():
    score, wrong = sample(6, 300, 0.05)
    chances = [0.1 + 0.9 * (i % 7) / 6 for i in range(300)]
    rows = [evaluate(as_labels(score, wrong, chances, seed), PLAN) for seed in (1, 1, 2)]
    assert rows[0] == rows[1] != rows[2]


def test_each_verdict_must_hold_by_itself():
    """The marginal statement hides that a quarter of the rare answers Yes is wrong."""
    rng = random.Random(7)
    score, _ = sample(7, 400, 0.0)
    yes = [rng.random() < 0.21 for _ in score]
    wrong = [said and rng.random() < 0.25 for said in yes]
    assert call(score, wrong) is not None
    assert call(score, wrong, said_yes=yes) is None


def test_labels_of_one_verdict_are_about_that_verdict():
    score, wrong = sample(8, 100, 0.0)
    assert call(score, wrong, said_yes=[True] * 100) == call(score, wrong, said_yes=False) == PLAN.zone


def test_verdicts_have_thresholds_of_their_own():
    score, wrong = sample(9, 300, 0.0)
    yes = [i % 2 == 0 for i in range(300)]
    wrong = [said and i % 3 == 0 for i, said in enumerate(yes)]
    thresholds = certify_by_verdict(
        score, wrong, POOL, ALPHA, DELTA, said_yes=yes, pool_said_yes=[i % 2 == 0 for i in range(2000)]
    )
    assert thresholds[True] is None
    assert thresholds[False] is not None


def test_what_was_certified_is_withdrawn_while_too_many_labels_are_wrong():
    """Forty flawless labels certify; then every second one is wrong, and more than a tenth of all is."""
    score = [POOL[-1]] * 100
    wrong = [i >= 40 and i % 2 == 0 for i in range(100)]
    assert call(score[:40], wrong[:40]) is not None
    assert call(score, wrong) is None


def test_a_threshold_below_the_zone_is_an_error_that_names_it():
    with pytest.raises(InputError, match="below the zone"):
        check_in_zone(PLAN.zone - 0.1, PLAN)
    check_in_zone(PLAN.zone, PLAN)


def test_a_run_ends_at_the_first_threshold_that_does_not_pass():
    """What is behind it is not certified, however good its labels are."""
    at_top = [POOL[-1]] * 60
    score = [*at_top, *[PLAN.zone] * 400]
    rows = evaluate(as_labels(score, [*[True] * 60, *[False] * 400]), PLAN)
    assert not rows[0].passed
    assert certified(rows) is None


def test_a_single_look_uses_the_cut():
    plan = make_plan(POOL, ALPHA, DELTA, once=True)
    score = [POOL[-1]] * 50
    # One error is allowed in 38 labels; the second one is behind the cut, and 2 of 50 are below a tenth.
    wrong = [i in {3, 45} for i in range(50)]
    assert certify(score, wrong, POOL, ALPHA, DELTA, said_yes=None, propensity=None, plan=plan) == plan.zone


def test_calibration_labels_move_the_plan():
    flat = ([i / 500 for i in range(1000)], [i % 11 == 0 for i in range(1000)])
    assert make_plan(POOL, ALPHA, DELTA, calibration=flat).zone < PLAN.zone


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (([float("nan")], [False], POOL, 0.1, 0.1), "score"),
        (([1.0], [False, True], POOL, 0.1, 0.1), "wrong"),
        (([1.0], [2], POOL, 0.1, 0.1), "wrong"),
        (([1.0], [False], [], 0.1, 0.1), "pool"),
        (([1.0], [False], POOL, 0.0, 0.1), "alpha"),
        (([1.0], [False], POOL, 0.1, 1.0), "delta"),
    ],
)
def test_invalid_arguments_are_named(arguments, field):
    with pytest.raises(InputError) as error:
        certify(*arguments, said_yes=None, propensity=None)
    assert error.value.field.startswith(field)


def test_an_invalid_chance_is_named():
    with pytest.raises(InputError, match=r"propensity\[1\]"):
        call([1.0, 1.0], [False, False], propensity=[0.5, 1.5])
