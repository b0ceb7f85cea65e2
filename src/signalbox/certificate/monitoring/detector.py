"""The detector behind a certificate: when labels of green answers say that the error has grown. Pure.

A mixture of Shiryaev-Roberts statistics. While the error is at most alpha, the expected number of labels until a false
alarm is at least `RARITY`: the statistic less the number of labels is a supermartingale (docs/concepts/certificate-proof.md).
It forgets a good past, as the test of the certificate turned around would not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from signalbox.errors import InputError

RARITY = 2000.0
# Errors that it looks for, as multiples of alpha.
_MULTIPLES = (1.5, 2.5, 4.0)


@dataclass(frozen=True)
class Detector:
    """The statistic after some labels. `floor`: the least propensity with which green answers are asked for."""

    alpha: float
    floor: float = 1.0
    rarity: float = RARITY
    labels: int = 0
    statistics: tuple[float, ...] = (0.0,) * len(_MULTIPLES)

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha < 1.0:
            raise InputError("alpha", self.alpha, "Use a number between 0 and 1, for example 0.1.")
        if not 0.0 < self.floor <= 1.0:
            raise InputError("floor", self.floor, "Use the least chance of a request, above 0 and at most 1.")

    @property
    def level(self) -> float:
        """The mean of the statistics; an alarm from `rarity` on."""
        return sum(self.statistics) / len(self.statistics)

    @property
    def alarm(self) -> bool:
        """Whether the certificate is to be revoked."""
        return self.level >= self.rarity

    def add(self, wrong: bool, propensity: float = 1.0) -> Detector:
        """The detector after one more label, which was asked for with this chance. After an alarm it stays as it is."""
        if self.alarm:
            return self
        if not self.floor <= propensity <= 1.0:
            raise InputError("propensity", propensity, f"Use a chance from the floor {self.floor:g} to 1.")
        deviation = (float(wrong) - self.alpha) * self.floor / propensity
        statistics = tuple(
            (before + 1.0) * (1.0 + slope * deviation)
            for before, slope in zip(self.statistics, _slopes(self.alpha), strict=True)
        )
        return Detector(self.alpha, self.floor, self.rarity, self.labels + 1, statistics)


def first_alarm(
    wrong: Iterable[bool],
    alpha: float,
    *,
    propensity: Iterable[float] | None = None,
    floor: float | None = None,
    rarity: float = RARITY,
) -> int | None:
    """Number of the label at which the detector gives an alarm; None if it does not. `floor` defaults to the least chance."""
    errors = list(wrong)
    chances = [1.0] * len(errors) if propensity is None else list(propensity)
    detector = Detector(alpha, min(chances, default=1.0) if floor is None else floor, rarity)
    for number, (error, chance) in enumerate(zip(errors, chances, strict=True), start=1):
        detector = detector.add(error, chance)
        if detector.alarm:
            return number
    return None


def _slopes(alpha: float) -> Sequence[float]:
    """Bets b with 1 + b (X - alpha) = the likelihood ratio of an error rate against alpha."""
    # Not beyond the middle between alpha and 1: a bet on certain errors would never recover from a right answer.
    rates = [min(multiple * alpha, (1 + alpha) / 2) for multiple in _MULTIPLES]
    return [(rate - alpha) / (alpha * (1 - alpha)) for rate in rates]
