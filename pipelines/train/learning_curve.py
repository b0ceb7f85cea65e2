"""Learning curve of the chosen candidate: accuracy over the number of labels, by tier and language, and what more gain.

`LearningCurve.as_dict()` is the content of `learning_curve.json` in a release and in MLflow:

    {"candidate": "use C=10",
     "points": [{"tier": "everyday" | null, "language": "de", "labels": 10, "accuracy": 0.58, "low": 0.51, "high": 0.65,
                 "rows": 208, "families": 66}, …],
     "gains": [{"tier": …, "language": "de", "labels": 120, "per_doubling": 0.02, "low": -0.01, "high": 0.05,
                "more_labels": 41 | null}, …]}

Points are in the order of tier, language, labels. Accuracies and gains are shares from 0 to 1; `low` and `high` are the
bounds of 95 % intervals over families. `more_labels` is null where the curve may be flat: then nobody can say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import t

from pipelines.classes import Classes, Floats
from pipelines.statistics import family_interval, round_robin
from pipelines.strata import Stratum, strata_of, stratum_of
from pipelines.train.candidates import Candidate, TextVectors
from pipelines.train.cross_validation import FEWEST_ROWS, hits, predict
from pipelines.train.folds import stratified_folds
from signalbox.contracts.record import LabeledText, Tier

SIZES = (10, 20, 40, 80, 120)
DRAWS = 3
POINT = 0.01  # the gain that labels are counted for
_LAST_SIZES = 3  # of a curve, where it is judged whether it still rises
_MOST_LABELS = 10_000  # a number beyond is no plan


@dataclass(frozen=True)
class Point:
    """Accuracy on held-out families after learning from `labels` labels of each language."""

    tier: Tier | None
    language: str
    labels: int
    accuracy: float
    low: float
    high: float
    rows: int
    families: int


@dataclass(frozen=True)
class Gain:
    """What a doubling of the labels adds at the end of the curve, with its interval.

    `more_labels` beyond `labels` gain a point of accuracy; None where the interval does not exclude a flat curve.
    """

    tier: Tier | None
    language: str
    labels: int
    per_doubling: float
    low: float
    high: float
    more_labels: int | None


@dataclass(frozen=True)
class LearningCurve:
    """The curve of one candidate. Without points where there are too few rows or families."""

    candidate: str
    points: tuple[Point, ...]
    gains: tuple[Gain, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the docstring of the module has the form."""
        return {
            "candidate": self.candidate,
            "points": [asdict(point) for point in self.points],
            "gains": [asdict(gain) for gain in self.gains],
        }


def learning_curve(
    candidate: Candidate, classes: Classes, rows: Sequence[LabeledText], vectors: TextVectors
) -> LearningCurve:
    """Learn from nested parts of `rows` and test on families that are held out.

    Each draw orders the families at random and takes a row of each in turn, label by label, as labels arrive over time;
    a smaller part is the beginning of a larger one. As in a release, one head learns from all languages: `labels` of each.
    """
    right = _right(candidate, classes, rows, vectors)
    points, gains = [], []
    for stratum in strata_of(rows):
        here = [i for i, row in enumerate(rows) if stratum_of(row) == stratum]
        families = [rows[i].family for i in here]
        by_size = {
            size: of_rows[here] for size, of_rows in right.items() if not np.isnan(of_rows[here]).any()
        }
        if len(here) < FEWEST_ROWS or not by_size:
            continue
        points += [_point(stratum, size, values, families) for size, values in by_size.items()]
        gains += [gain] if (gain := gain_of(stratum, by_size, families)) else []
    return LearningCurve(candidate.name, tuple(points), tuple(gains))


def gain_of(stratum: Stratum, by_size: dict[int, Floats], families: Sequence[str]) -> Gain | None:
    """The slope of the last sizes over log₂ of the labels, from their least squares; None for a single size.

    The slope is a mean over rows, so that its interval is that of a ratio over families, with t of G - 1 degrees of
    freedom. It extrapolates: `labels` · (2^(0.01 / slope) - 1) more gain a point if the curve goes on as it is.
    """
    sizes = list(by_size)[-_LAST_SIZES:]
    names = list(dict.fromkeys(families))
    if len(sizes) < 2 or len(names) < 2:
        return None
    x = np.log2(sizes) - np.log2(sizes).mean()
    slopes = np.array([by_size[size] for size in sizes]).T @ (x / (x @ x))
    slope, total = float(slopes.mean()), len(slopes)
    sums = np.zeros(len(names))
    np.add.at(sums, [names.index(family) for family in families], slopes - slope)
    error = math.sqrt(len(names) / (len(names) - 1) * float(sums @ sums)) / total
    width = float(t.ppf(0.975, len(names) - 1)) * error
    more = _more_labels(sizes[-1], slope) if slope - width > 0 else None
    return Gain(stratum.tier, stratum.language, sizes[-1], slope, slope - width, slope + width, more)


def _more_labels(labels: int, slope: float) -> int | None:
    doublings = POINT / slope
    if doublings > math.log2(_MOST_LABELS / labels + 1):
        return None
    return math.ceil(labels * (2**doublings - 1))


def _right(
    candidate: Candidate, classes: Classes, rows: Sequence[LabeledText], vectors: TextVectors
) -> dict[int, Floats]:
    """For each size [rows]: how often each row was right over the draws; NaN where its language has too few labels."""
    codes, families = classes.codes([row.label for row in rows]), [row.family for row in rows]
    right = {size: np.zeros(len(rows)) for size in SIZES}
    for seed in range(DRAWS):
        for train, test in stratified_folds(codes, families, seed):
            order = arrival([rows[i] for i in train], classes, seed)
            held_out = [rows[i] for i in test]
            for size in SIZES:
                part = [row for of_language in order.values() for row in of_language[:size]]
                enough = [len(order.get(row.language, ())) >= size for row in held_out]
                p = predict(candidate, classes, part, held_out, vectors) if any(enough) else None
                right[size][test] += np.nan if p is None else hits(classes, p, held_out) / DRAWS
                right[size][test[~np.array(enough)]] = np.nan
    return {size: values for size, values in right.items() if values.any()}


def arrival(rows: Sequence[LabeledText], classes: Classes, seed: int) -> dict[str, list[LabeledText]]:
    """By language, rows in the order in which their labels arrive: labels in turn, and families in turn in a label."""
    generator = np.random.default_rng(seed)
    shuffled = [rows[i] for i in generator.permutation(len(rows))]
    order = {}
    for language in sorted({row.language for row in rows}):
        by_label = []
        for label in classes.labels:
            here = [row for row in shuffled if (row.language, row.label) == (language, label)]
            by_label.append([here[i] for i in round_robin([row.family for row in here])])
        turns = [(place, row) for queue in by_label for place, row in enumerate(queue)]
        order[language] = [row for _, row in sorted(turns, key=lambda turn: turn[0])]
    return order


def _point(stratum: Stratum, size: int, right: Floats, families: Sequence[str]) -> Point:
    low, high = family_interval(right.tolist(), families)
    mean = float(right.mean())
    return Point(stratum.tier, stratum.language, size, mean, low, high, len(right), len(set(families)))
