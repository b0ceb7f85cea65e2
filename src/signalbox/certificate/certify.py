"""From labels and unlabeled scores to a threshold above which answers may be green. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from signalbox.certificate.evidence import Evidence, Label, certified, draw_of, evaluate
from signalbox.certificate.planning import Plan, make_plan
from signalbox.certificate.scores import booleans, finite
from signalbox.errors import InputError

Verdicts = Iterable[object] | bool | None


def certify(
    score: Iterable[float],
    wrong: Iterable[object],
    pool: Iterable[float],
    alpha: float,
    delta: float,
    *,
    said_yes: Verdicts = None,
    propensity: Iterable[float] | float | None = None,
    plan: Plan | None = None,
    seed: int = 0,
) -> float | None:
    """The threshold above which at most the share `alpha` of the answers is wrong, or None if the labels do not show it.

    The statement is false in at most the share `delta` of campaigns, at any time: call this after every label if you like.
    All arguments are sequences or arrays of one dimension:

    - `score`, `wrong`: labels that were asked for at random, in the order asked. A larger score is surer.
    - `pool`: scores of unlabeled answers, 1,000 or more, which were there before the first label. The same at each call.
    - `said_yes`: the verdict of each label. The statement then holds for each verdict that occurs among the labels by
      itself: the answers Yes above the threshold, and the answers No above it. A bool, or one verdict only: all labels have
      this verdict, and the statement is about it. None: all answers together (a *marginal* statement), which can hide that
      most answers of a rare verdict are wrong.
    - `propensity`: the chance with which each label was asked for. Unequal ones are thinned to the least above each
      threshold. None or one number: the same for all. With a 0 above it, a threshold is not certified.
    - `plan`: where to ask and where the sequence begins (`make_plan`), made before the labels. By default it follows from
      the pool, alpha and delta. Labels below its zone do not count, and no threshold below its zone is tested.

    Raises InputError that names the argument.
    """
    labels = as_labels(score, wrong, propensity, seed)
    used = plan or make_plan(list(pool), alpha, delta)
    groups = _by_verdict(labels, said_yes)
    rows = [evaluate(group, used) for group in groups]
    return certified([_weakest(column) for column in zip(*rows, strict=True)])


def certify_by_verdict(
    score: Iterable[float],
    wrong: Iterable[object],
    pool: Iterable[float],
    alpha: float,
    delta: float,
    *,
    said_yes: Iterable[object],
    pool_said_yes: Iterable[object],
    propensity: Iterable[float] | float | None = None,
    seed: int = 0,
) -> dict[bool, float | None]:
    """For each verdict (True is Yes) its own threshold, from its own labels and its own part of the pool.

    This is what certificates use: green comes for one verdict even if the other one has too few labels or too many errors.
    Arguments as in `certify`; `pool_said_yes` has the verdict of each answer of the pool. A verdict without answers in the
    pool has None. Raises InputError.
    """
    labels, scores = as_labels(score, wrong, propensity, seed), finite("pool", pool)
    verdicts = booleans("said_yes", said_yes, len(labels))
    pool_verdicts = booleans("pool_said_yes", pool_said_yes, len(scores))
    thresholds: dict[bool, float | None] = {}
    for verdict in (True, False):
        own = [value for value, other in zip(scores, pool_verdicts, strict=True) if other == verdict]
        group = [label for label, other in zip(labels, verdicts, strict=True) if other == verdict]
        thresholds[verdict] = certified(evaluate(group, make_plan(own, alpha, delta))) if own else None
    return thresholds


def as_labels(
    score: Iterable[float],
    wrong: Iterable[object],
    propensity: Iterable[float] | float | None = None,
    seed: int = 0,
) -> list[Label]:
    """Labels in the order asked, from sequences or arrays. Raises InputError."""
    scores = finite("score", score)
    errors = booleans("wrong", wrong, len(scores))
    chances = _chances(propensity, len(scores))
    # Equal chances need no thinning, and so no draws.
    equal = len(set(chances)) < 2
    return [
        Label(scores[i], errors[i], chances[i], 0.0 if equal else draw_of(seed, str(i)))
        for i in range(len(scores))
    ]


def _chances(propensity: Iterable[float] | float | None, count: int) -> list[float]:
    if propensity is None:
        return [1.0] * count
    if isinstance(propensity, (int, float)):
        propensity = [float(propensity)] * count
    chances = finite("propensity", propensity)
    if len(chances) != count:
        raise InputError("propensity", len(chances), f"Give one value for each of the {count} labels.")
    for index, chance in enumerate(chances):
        if not 0.0 <= chance <= 1.0:
            raise InputError(f"propensity[{index}]", chance, "Use a probability between 0 and 1.")
    return chances


def _by_verdict(labels: Sequence[Label], said_yes: Verdicts) -> list[list[Label]]:
    if said_yes is None or isinstance(said_yes, bool):
        return [list(labels)]
    verdicts = booleans("said_yes", said_yes, len(labels))
    groups = [
        [label for label, other in zip(labels, verdicts, strict=True) if other == verdict]
        for verdict in (True, False)
    ]
    return [group for group in groups if group] or [[]]


def _weakest(rows: Sequence[Evidence]) -> Evidence:
    """The verdict that did not pass at a threshold, if there is one."""
    return next((row for row in rows if not row.passed), rows[0])
