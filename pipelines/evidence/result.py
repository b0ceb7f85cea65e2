"""What the job measures: one row a text, and figures per language with intervals over texts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.evidence.faithfulness import OrderScores
from pipelines.statistics import Interval, accuracy_interval
from signalbox.contracts.evidence import Effect, effect_of

ALL = "all"
ORDERS = ("evidence", "random", "reversed")
_RESAMPLES, _SEED = 4000, 20261129


@dataclass(frozen=True)
class Row:
    """One text. `decisive`: the position of the part that decides it, None if it is not known or not one part.

    `orders` is None where only pointing was measured. `new_sets` has the scores without the sets of parts that occlusion
    measured; None for a text of two parts, too.
    """

    id: str
    language: str
    lengths: tuple[int, ...]
    weights: tuple[float, ...]
    decisive: int | None
    is_right: bool
    orders: dict[str, OrderScores] | None
    new_sets: dict[str, OrderScores] | None

    @property
    def top(self) -> int:
        """The part that speaks most for the verdict."""
        return max(range(len(self.weights)), key=lambda i: self.weights[i])


@dataclass(frozen=True)
class Mean:
    """A mean over texts with its interval of 95 %."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Share:
    """A share of texts with its interval of 95 %."""

    successes: int
    trials: int

    @property
    def value(self) -> float | None:
        """None without trials."""
        return self.successes / self.trials if self.trials else None

    @property
    def interval(self) -> Interval:
        """Clopper-Pearson below 200 texts, Wilson from there on."""
        return accuracy_interval(self.successes, self.trials)


@dataclass(frozen=True)
class Figures:
    """Figures of one language. Gains are evidence less random, paired by text; `new_*` are gains on new sets."""

    rows: int
    right: Share
    ordered_rows: int
    comprehensiveness: dict[str, Mean]
    sufficiency: dict[str, Mean]
    gain_comprehensiveness: Mean | None
    gain_sufficiency: Mean | None
    new_rows: int
    new_comprehensiveness: Mean | None
    new_sufficiency: Mean | None
    pointing: Share
    pointing_if_right: Share
    pointing_first: Share
    pointing_longest: Share
    pointing_random: float
    decisive_for: Share
    background_relevant: Share


@dataclass(frozen=True)
class Result:
    """One model's rows. `left_out`: texts without a verdict, or with one part only."""

    task: str
    model: str
    release: str
    rows: tuple[Row, ...]
    left_out: int

    @property
    def figures(self) -> dict[str, Figures]:
        """Figures per language, and of all."""
        languages = [*sorted({row.language for row in self.rows}), ALL]
        return {name: figures_of([r for r in self.rows if name in (ALL, r.language)]) for name in languages}


def figures_of(rows: Sequence[Row]) -> Figures:
    """Figures of one row or more."""
    known = [row for row in rows if row.decisive is not None]
    right = [row for row in known if row.is_right]
    ordered = [row.orders for row in rows if row.orders is not None]
    new = [row.new_sets for row in rows if row.new_sets is not None]
    background = [w for row in known for i, w in enumerate(row.weights) if i != row.decisive]
    decisive = [row.weights[row.decisive] for row in known if row.decisive is not None]
    return Figures(
        rows=len(rows),
        right=Share(sum(row.is_right for row in rows), len(rows)),
        ordered_rows=len(ordered),
        comprehensiveness={n: _mean([o[n].comprehensiveness for o in ordered]) for n in ORDERS if ordered},
        sufficiency={n: _mean([o[n].sufficiency for o in ordered]) for n in ORDERS if ordered},
        gain_comprehensiveness=_gain(ordered, _comprehensiveness),
        gain_sufficiency=_gain(ordered, _sufficiency),
        new_rows=len(new),
        new_comprehensiveness=_gain(new, _comprehensiveness),
        new_sufficiency=_gain(new, _sufficiency),
        pointing=_pointing(known, lambda row: row.top),
        pointing_if_right=_pointing(right, lambda row: row.top),
        pointing_first=_pointing(known, lambda _: 0),
        pointing_longest=_pointing(known, lambda row: row.lengths.index(max(row.lengths))),
        pointing_random=sum(1 / len(row.weights) for row in known) / len(known) if known else 0.0,
        decisive_for=Share(sum(effect_of(w) is Effect.FOR for w in decisive), len(decisive)),
        background_relevant=Share(
            sum(effect_of(w) is not Effect.IRRELEVANT for w in background), len(background)
        ),
    )


def bootstrap_mean(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Percentile interval of a mean (Efron & Tibshirani 1993, chapter 13), with a fixed seed."""
    sample = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(_SEED)
    means = sample[generator.integers(0, sample.size, (_RESAMPLES, sample.size))].mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _mean(values: Sequence[float]) -> Mean:
    return Mean(float(np.mean(values)), bootstrap_mean(values))


def _gain(rows: Sequence[Mapping[str, OrderScores]], score: Callable[[OrderScores], float]) -> Mean | None:
    """The mean of evidence less random; None without rows."""
    return _mean([score(row["evidence"]) - score(row["random"]) for row in rows]) if rows else None


def _comprehensiveness(scores: OrderScores) -> float:
    return scores.comprehensiveness


def _sufficiency(scores: OrderScores) -> float:
    return scores.sufficiency


def _pointing(rows: Sequence[Row], guess: Callable[[Row], int]) -> Share:
    return Share(sum(guess(row) == row.decisive for row in rows), len(rows))
