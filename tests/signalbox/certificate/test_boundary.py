"""The tables of errors allowed: exact, monotone, and the published values of a single look."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.certificate.boundary import (
    NONE_ALLOWED,
    allowed_any_time,
    allowed_once,
    cut,
    spent_share,
)


def crossing_probability(allowed, risk, most) -> float:
    """P(errors are ever at most the allowed ones), by its own recursion."""
    alive, passed = {0: 1.0}, 0.0
    for m in range(1, most + 1):
        following: dict[int, float] = {}
        for k, mass in alive.items():
            following[k] = following.get(k, 0.0) + mass * (1 - risk)
            following[k + 1] = following.get(k + 1, 0.0) + mass * risk
        passed += sum(mass for k, mass in following.items() if k <= allowed[m])
        alive = {k: mass for k, mass in following.items() if k > allowed[m]}
    return passed


@pytest.mark.parametrize(("alpha", "delta"), [(0.1, 0.1), (0.05, 0.1), (0.2, 0.05)])
def test_a_look_after_every_label_keeps_the_promise(alpha, delta):
    """At the risk alpha the sequence ever passes with at most delta, and with more than half of it: the table is not idle."""
    allowed = allowed_any_time(alpha, delta, 100, 400)
    assert delta / 2 < crossing_probability(allowed, alpha, 400) <= delta


def test_a_larger_risk_passes_less_often():
    allowed = allowed_any_time(0.1, 0.1, 100, 300)
    chances = [crossing_probability(allowed, risk, 300) for risk in (0.05, 0.1, 0.11, 0.15)]
    assert chances == sorted(chances, reverse=True)


@pytest.mark.parametrize(
    ("alpha", "rises"), [(0.1, [22, 38, 52, 65, 78, 91]), (0.05, [45, 77, 105, 132, 158, 184])]
)
def test_a_single_look_allows_what_clopper_and_pearson_do(alpha, rises):
    """Errors allowed rise at the published numbers of labels."""
    allowed = allowed_once(alpha, 0.1, 200)
    assert [allowed.index(k) for k in range(6)] == rises


def test_a_single_look_is_the_binomial_tail():
    allowed = allowed_once(0.1, 0.1, 150)
    for m in (1, 30, 60, 150):
        tails = [sum(math.comb(m, i) * 0.1**i * 0.9 ** (m - i) for i in range(k + 1)) for k in range(m + 1)]
        assert allowed[m] == sum(tail <= 0.1 for tail in tails) - 1


@given(st.integers(1, 400), st.integers(10, 300))
def test_spending_never_falls_and_stays_below_all(m, labels):
    assert 0 < spent_share(m, labels) <= spent_share(m + 1, labels) < 1


def test_the_cut_allows_as_many_errors_with_fewer_labels():
    allowed = allowed_once(0.1, 0.1, 100)
    assert (cut(allowed, 50), cut(allowed, 38), cut(allowed, 21)) == (38, 38, 0)
    assert allowed[21] == NONE_ALLOWED


def test_a_table_is_long_enough_for_any_number_of_labels():
    assert len(allowed_any_time(0.1, 0.1, 100, 1500)) > 1500
    short, long = allowed_any_time(0.1, 0.1, 100, 10), allowed_any_time(0.1, 0.1, 100, 600)
    assert list(long[: len(short)]) == list(short)
