"""How many errors are allowed: exact tables for labels that are looked at after each one, or once. Pure.

Any time: the probability that a sequence of labels with the risk alpha ever has at most `allowed[m]` errors among its first m
is at most delta, for all m together. The table carries P(k errors, not passed yet) over m, and lets as many k pass at each m
as the part of delta that is spent until then has room for. A larger risk passes less often (couple the errors), so the risk alpha
is the worst case. The proof is in docs/concepts/certificate-proof.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache

NONE_ALLOWED = -1  # not even a flawless row of labels passes

_FIRST_ROWS = 512
# Shape of the spending, relative to the labels of the plan, from a search over 1,300 tables (docs/log.md): three quarters
# until 0.8 of the planned labels, the rest indefinitely.
_EARLY_SHARE, _EARLY_END, _LATE_MIDDLE = 0.75, 0.8, 0.3
_ROUNDING = 1e-12


def spent_share(m: int, labels: int) -> float:
    """Share of delta that may be spent with the first m labels, when `labels` are planned. Between 0 and 1, never falls."""
    early = min(1.0, m / (_EARLY_END * labels)) ** 2
    late = m / (m + _LATE_MIDDLE * labels)
    return _EARLY_SHARE * early + (1 - _EARLY_SHARE) * late


def allowed_any_time(alpha: float, delta: float, labels: int, most: int) -> Sequence[int]:
    """Errors allowed among the first m labels, for m = 0 to at least `most`; `NONE_ALLOWED` where nothing passes.

    Valid at any time: look after every label. `labels` is the number for which the table is most powerful.
    """
    return _any_time(alpha, delta, labels, _rows(most))


def allowed_once(alpha: float, delta: float, most: int) -> Sequence[int]:
    """Errors allowed among m labels that are looked at once: the largest k with P(Bin(m, alpha) ≤ k) ≤ delta.

    It is the condition that the upper bound of Clopper and Pearson (1934) is at most alpha.
    """
    return _once(alpha, delta, _rows(most))


def cut(allowed: Sequence[int], m: int) -> int:
    """Labels of m that a single look uses: the last number at which the errors allowed rise; 0 if none are allowed."""
    while m > 0 and allowed[m] == allowed[m - 1]:
        m -= 1
    return m if allowed[m] > NONE_ALLOWED else 0


@lru_cache(maxsize=64)
def _any_time(alpha: float, delta: float, labels: int, rows: int) -> tuple[int, ...]:
    alive, allowed, passed = [1.0], [NONE_ALLOWED], 0.0
    for m in range(1, rows + 1):
        alive = _one_more(alive, alpha)
        budget = delta * spent_share(m, labels) - _ROUNDING
        k = allowed[-1]
        while k < m and passed + alive[k + 1] <= budget:
            k += 1
            passed += alive[k]
            alive[k] = 0.0
        # What passed before stays passed: it is no part of `alive`, so the errors allowed never fall.
        allowed.append(k)
    return tuple(allowed)


@lru_cache(maxsize=64)
def _once(alpha: float, delta: float, rows: int) -> tuple[int, ...]:
    exact, allowed = [1.0], [NONE_ALLOWED]
    for m in range(1, rows + 1):
        exact = _one_more(exact, alpha)
        k, tail = NONE_ALLOWED, exact[0]
        while tail <= delta and k < m:
            k += 1
            tail += exact[k + 1] if k < m else 1.0
        allowed.append(k)
    return tuple(allowed)


def _one_more(mass: Sequence[float], alpha: float) -> list[float]:
    """Probabilities of 0 to m + 1 errors from those of 0 to m."""
    right = 1.0 - alpha
    return [
        mass[0] * right,
        *(here * right + before * alpha for before, here in itertools.pairwise(mass)),
        mass[-1] * alpha,
    ]


def _rows(most: int) -> int:
    """A power of two, so that growing labels do not compute a table each time."""
    rows = _FIRST_ROWS
    while rows < most:
        rows *= 2
    return rows
