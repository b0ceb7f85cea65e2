"""Populations of answers for the simulations of the certificate: score, error rate and verdict of each answer.

`logit`, `beta165`, `bump`, `llm` and `flat` are the shapes of the private figures that docs/reference/certificate.md cites.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import beta, norm

_SIZE = 200_000
_RANK = (np.arange(_SIZE) + 0.5) / _SIZE
_BASE_ERROR = 0.165


@dataclass(frozen=True)
class Population:
    """Arrays of one dimension, one element an answer, the surest first. `growth`: factor of the risk of the n-th label."""

    name: str
    score: np.ndarray
    error: np.ndarray
    yes: np.ndarray
    growth: Callable[[np.ndarray], np.ndarray] = np.ones_like

    def count(self, threshold: float) -> int:
        """Answers at or above a threshold."""
        return int(np.searchsorted(-self.score, -threshold, side="right"))

    def share(self, threshold: float | None) -> float:
        """Share of the answers at or above a threshold."""
        return 0.0 if threshold is None else self.count(threshold) / len(self.score)

    def risk(self, threshold: float, verdict: bool | None = None) -> float:
        """True error at or above a threshold: of one verdict, or of all answers. 0 without answers."""
        error, yes = self.error[: self.count(threshold)], self.yes[: self.count(threshold)]
        part = error if verdict is None else error[yes == verdict]
        return float(part.mean()) if len(part) else 0.0

    def oracle(self, alpha: float) -> float:
        """Largest share of the answers whose error is at most alpha."""
        errors = np.cumsum(self.error) / np.arange(1, len(self.error) + 1)
        return float((np.flatnonzero(errors <= alpha).max(initial=-1) + 1) / len(self.error))


def _ranked(
    name: str,
    error: np.ndarray,
    *,
    yes: np.ndarray | None = None,
    growth: Callable[[np.ndarray], np.ndarray] = np.ones_like,
) -> Population:
    even = np.random.default_rng(1).random(_SIZE) < 0.5
    return Population(name, 1.0 - _RANK, error, even if yes is None else yes, growth)


def _logit_error() -> np.ndarray:
    return expit(3 * norm.ppf(_RANK / 2))


def _beta_error() -> np.ndarray:
    """min(p, 1 - p) in rising order, p ~ Beta(a, a) with a such that its mean is the base error."""
    draws = norm.cdf(np.random.default_rng(2).standard_normal(20_000))

    def errors(a: float, quantiles: np.ndarray) -> np.ndarray:
        p = beta.ppf(quantiles, a, a)
        return np.minimum(p, 1 - p)

    a = brentq(lambda value: errors(value, draws).mean() - _BASE_ERROR, 0.1, 2.0)
    return errors(a, _RANK / 2)


@cache
def populations() -> dict[str, Population]:
    """All populations by name."""
    logit = _logit_error()
    skewed_yes = np.random.default_rng(3).random(_SIZE) < 0.21
    rows = (
        _ranked("logit", logit),
        _ranked("beta165", _beta_error()),
        _ranked("llm", np.where(_RANK < 0.5, 0.06, 0.06 + 0.824 * (_RANK - 0.5))),
        _ranked("bump", np.where(_RANK < 0.06, 0.25, np.interp((_RANK - 0.06) / 0.94, _RANK, logit))),
        # The answers No are as in `logit`; a quarter of the answers Yes is wrong wherever they are.
        _ranked("skewed", np.where(skewed_yes, 0.25, logit), yes=skewed_yes),
        # The risk doubles within 200 labels.
        _ranked("drifting", logit, growth=lambda label: 1 + label / 200),
        _ranked("flat", np.full(_SIZE, 0.1001)),
    )
    return {row.name: row for row in rows}
