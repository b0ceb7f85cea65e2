"""The plan of a campaign: where labels are asked for and where the sequence of thresholds begins. Pure.

The plan sees the scores of unlabeled answers and labels of other campaigns, never the campaign's own labels. A wrong plan
costs green answers, never the promise. Its error curve is a function of rank: models are too sure of their surest answers,
so stated probabilities promise too much there.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from signalbox.certificate.boundary import allowed_any_time, allowed_once, cut
from signalbox.certificate.scores import finite
from signalbox.errors import InputError

STEPS = 20  # zones are multiples of 1/20 of the answers
LABELS = 100

_DRAWS, _SEED = 200, 20261129
_NEAR_BEST = 0.02
_MOST_DOUBLINGS = 3
# Prior of logit error = a + b · Φ⁻¹(u), u = share of the answers that are surer: mean and standard deviation.
_PRIOR = ((-1.6, 1.0), (1.2, 0.7))
_NEWTON_STEPS = 30
_NORMAL = NormalDist()


@dataclass(frozen=True)
class RankPlan:
    """Zone and start as multiples of 1/STEPS of the answers, the surest first; `labels` is the number planned for."""

    zone: int
    start: int
    labels: int


@dataclass(frozen=True)
class Plan:
    """A plan on scores. `thresholds[i]` has the share `shares[i]` of the pool at or above it; they fall with i.

    The first one is where the sequence begins, the last one is the end of the zone in which labels are asked for.
    """

    alpha: float
    delta: float
    labels: int
    shares: tuple[float, ...]
    thresholds: tuple[float, ...]
    once: bool = False

    @property
    def zone(self) -> float:
        """The lowest score that is asked for: ask at random among answers with this score or a higher one."""
        return self.thresholds[-1]


def make_plan(
    pool: Sequence[float],
    alpha: float,
    delta: float,
    *,
    labels: int = LABELS,
    calibration: tuple[Sequence[float], Sequence[bool]] | None = None,
    once: bool = False,
) -> Plan:
    """The plan for a pool of scores of unlabeled answers (1,000 or more; larger is surer).

    `calibration` holds scores and errors of labeled answers that no later test uses; without it the prior decides.
    `once` plans for labels that are looked at a single time. Raises InputError.
    """
    check_levels(alpha, delta)
    ordered = sorted(finite("pool", pool), reverse=True)
    if not ordered:
        raise InputError("pool", [], "Give the scores of unlabeled answers, at least 1,000 of them.")
    if calibration is None:
        ranks = plan_by_rank(alpha, delta, labels, _PRIOR_CURVE, once=once)
    else:
        scores, wrong = calibration
        curve = fit_curve([share_above(ordered, score) for score in finite("calibration", scores)], wrong)
        ranks = plan_by_rank(alpha, delta, labels, curve, once=once)
    return on_scores(ranks, ordered, alpha, delta, once=once)


def on_scores(
    ranks: RankPlan, ordered: Sequence[float], alpha: float, delta: float, *, once: bool = False
) -> Plan:
    """A plan by rank on the scores of a pool in falling order."""
    shares = tuple(step / STEPS for step in range(ranks.start, ranks.zone + 1))
    last = len(ordered) - 1
    thresholds = tuple(ordered[min(last, max(0, math.ceil(share * len(ordered)) - 1))] for share in shares)
    return Plan(alpha, delta, ranks.labels, shares, thresholds, once)


@dataclass(frozen=True)
class ErrorCurve:
    """Normal approximation of the posterior of (a, b): mean, and the lower triangle of its covariance's root."""

    mean: tuple[float, float]
    root: tuple[float, float, float]


# Without labels: 15 % of all answers wrong and 5 % of the surer half, a little more or less (docs/log.md).
_PRIOR_CURVE = ErrorCurve((-2.2, 1.3), (0.4, 0.0, 0.4))


def fit_curve(shares: Sequence[float], wrong: Sequence[bool]) -> ErrorCurve:
    """Posterior of the error curve by Newton's method, from shares of surer answers (0 to 1) and errors."""
    rows = [(_normal_score(share), bool(error)) for share, error in zip(shares, wrong, strict=True)]
    a, b = _PRIOR[0][0], _PRIOR[1][0]
    for _ in range(_NEWTON_STEPS):
        gradient, (aa, ab, bb) = _slope_and_curvature(rows, a, b)
        determinant = aa * bb - ab * ab
        a += (bb * gradient[0] - ab * gradient[1]) / determinant
        b += (aa * gradient[1] - ab * gradient[0]) / determinant
    _, (aa, ab, bb) = _slope_and_curvature(rows, a, b)
    determinant = aa * bb - ab * ab
    first = math.sqrt(bb / determinant)
    mixed = -ab / determinant / first
    return ErrorCurve((a, b), (first, mixed, math.sqrt(max(0.0, aa / determinant - mixed * mixed))))


def _slope_and_curvature(
    rows: Sequence[tuple[float, bool]], a: float, b: float
) -> tuple[tuple[float, float], tuple[float, float, float]]:
    """Gradient of the log posterior, and minus its second derivatives."""
    (mean_a, sd_a), (mean_b, sd_b) = _PRIOR
    gradient = [(mean_a - a) / sd_a**2, (mean_b - b) / sd_b**2]
    aa, ab, bb = 1 / sd_a**2, 0.0, 1 / sd_b**2
    for score, error in rows:
        rate = _logistic(a + b * score)
        gradient[0] += error - rate
        gradient[1] += (error - rate) * score
        weight = rate * (1 - rate)
        aa, ab, bb = aa + weight, ab + weight * score, bb + weight * score * score
    return (gradient[0], gradient[1]), (aa, ab, bb)


@lru_cache(maxsize=64)
def plan_by_rank(
    alpha: float, delta: float, labels: int, curve: ErrorCurve, *, once: bool = False
) -> RankPlan:
    """Zone and start with the largest mean certified share in simulations of the test on draws of the error curve.

    Of all that are within 0.02 of the best value, the one with the largest start; if no value is above 0.02, the plan is
    for twice the labels.
    """
    for doubling in range(_MOST_DOUBLINGS):
        values = _values(alpha, delta, labels << doubling, curve, once=once)
        best = max(values.values())
        if best > _NEAR_BEST:
            break
    near = [key for key, value in values.items() if value >= best - _NEAR_BEST]
    zone, start = max(near, key=lambda key: (key[1], values[key]))
    return RankPlan(zone, start, labels << doubling)


def _values(
    alpha: float, delta: float, labels: int, curve: ErrorCurve, *, once: bool
) -> dict[tuple[int, int], float]:
    """Mean certified share by (zone, start)."""
    rng = random.Random(_SEED)  # noqa: S311 - a simulation, not a secret
    allowed = allowed_once(alpha, delta, labels) if once else allowed_any_time(alpha, delta, labels, labels)
    first, mixed, second = curve.root
    totals = {(zone, start): 0.0 for zone in range(1, STEPS + 1) for start in range(1, zone + 1)}
    for _ in range(_DRAWS):
        one, other = rng.gauss(0, 1), rng.gauss(0, 1)
        a, b = curve.mean[0] + first * one, curve.mean[1] + mixed * one + second * other
        rates = [_logistic(a + b * _normal_score((step + 0.5) / STEPS)) for step in range(STEPS)]
        # The same draws for all zones, so that their difference has less noise.
        draws = [(rng.random(), rng.random()) for _ in range(labels)]
        for zone in range(1, STEPS + 1):
            passed = _simulated(rates, zone, draws, allowed, once=once)
            reach = 0
            for start in range(zone, 0, -1):
                reach = max(reach, start) if passed[start] else 0
                totals[zone, start] += reach / STEPS
    return {key: total / _DRAWS for key, total in totals.items()}


def _simulated(
    rates: Sequence[float],
    zone: int,
    draws: Sequence[tuple[float, float]],
    allowed: Sequence[int],
    *,
    once: bool,
) -> list[bool]:
    """For each number of rings 0 to `zone` whether it passes with labels spread evenly over the zone."""
    labels = [(int(place * zone), luck) for place, luck in draws]
    errors = [(ring, luck < rates[ring]) for ring, luck in labels]
    passed = [False] * (zone + 1)
    for top in range(1, zone + 1):
        inside = [error for ring, error in errors if ring < top]
        passed[top] = passes(inside, allowed, once=once)
    return passed


def passes(errors: Sequence[bool], allowed: Sequence[int], *, once: bool = False) -> bool:
    """Whether labels in the order asked pass: at their cut if looked at once, else at any of them."""
    if once:
        m = cut(allowed, len(errors))
        return m > 0 and sum(errors[:m]) <= allowed[m]
    k = 0
    for m, error in enumerate(errors, start=1):
        k += error
        if k <= allowed[m]:
            return True
    return False


def share_above(ordered: Sequence[float], score: float) -> float:
    """Share of a pool in falling order that is surer than a score."""
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if ordered[middle] > score else (low, middle)
    return low / len(ordered)


def check_levels(alpha: float, delta: float) -> None:
    """Raise InputError for levels that are no probabilities between 0 and 1."""
    for name, value in (("alpha", alpha), ("delta", delta)):
        if not 0.0 < value < 1.0:
            raise InputError(name, value, "Use a number between 0 and 1, for example 0.1.")


def _normal_score(share: float) -> float:
    return _NORMAL.inv_cdf(min(max(share, 1e-3), 1 - 1e-3))


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))
