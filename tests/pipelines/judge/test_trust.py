"""The gate of the judge: its three states, and the labels that would decide."""

import numpy as np
from scipy.stats import binom

from pipelines.judge.trust import TRUSTED_FROM, Side, Trust, labels_needed, trust_gate


def gate(good, recognized, bad, caught, **options):
    right = [True] * good + [False] * bad
    approved = [i < recognized for i in range(good)] + [i >= caught for i in range(bad)]
    return trust_gate(right, approved, **options)


def test_a_judge_that_recognizes_both_kinds_is_trusted():
    assert gate(100, 95, 40, 37).trust is Trust.TRUSTED


def test_a_judge_that_always_says_yes_is_not_however_often_it_agrees():
    one = gate(190, 190, 30, 0)
    assert one.trust is Trust.UNTRUSTED
    assert one.labels_needed is None


def test_few_labels_are_inconclusive_and_name_how_many_would_decide():
    one = gate(18, 17, 2, 2)
    assert one.trust is Trust.INCONCLUSIVE
    assert 20 < one.labels_needed < 400
    more = one.labels_needed
    bad = round(0.1 * more)
    assert gate(more - bad, round((more - bad) * 17 / 18), bad, bad).trust is not Trust.INCONCLUSIVE


def test_no_verdict_recognizes_nothing():
    right = [True] * 100 + [False] * 50
    assert trust_gate(right, [True] * 100 + [False] * 50).trust is Trust.TRUSTED
    assert trust_gate(right, [True] * 100 + [None] * 50).trust is Trust.UNTRUSTED


def test_without_labels_it_is_inconclusive():
    one = trust_gate([], [])
    assert (one.trust, one.labels) == (Trust.INCONCLUSIVE, 0)
    assert one.labels_needed >= 22  # eleven of either kind, all recognized


def test_a_share_at_the_line_is_not_decided_by_any_number_of_labels():
    assert labels_needed(Side(40, 30), Side(40, 30)) is None


def test_a_judge_at_the_line_on_one_side_is_seldom_called_either():
    """The other side is recognized nearly always, so the decision is on this one."""
    rng, runs = np.random.default_rng(3), 300
    states = [gate(400, 396, 60, rng.binomial(60, TRUSTED_FROM)).trust for _ in range(runs)]
    assert states.count(Trust.TRUSTED) <= binom.isf(0.001, runs, 0.05)
    assert states.count(Trust.UNTRUSTED) <= binom.isf(0.001, runs, 0.025)
