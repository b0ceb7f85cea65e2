"""The learning curve of the encoder in the report: what `train` wrote into its release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.compare.report.drawings import Scatter, scatter
from pipelines.strata import Stratum
from signalbox.contracts.record import Tier

FILE_NAME = "learning_curve.json"


class _Part(BaseModel):
    """A part of the file; fields that the report does not show are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    tier: Tier | None = None
    language: str
    labels: int

    @property
    def stratum(self) -> Stratum:
        return Stratum(self.tier, self.language)


class CurvePoint(_Part):
    """Accuracy after so many labels, with its interval."""

    accuracy: float
    low: float
    high: float


class CurveGain(_Part):
    """Labels beyond `labels` that gain a point of accuracy; None: nobody can say."""

    more_labels: int | None = None


class SavedCurve(BaseModel):
    """The file; its form is in `pipelines.train.learning_curve`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    candidate: str
    points: tuple[CurvePoint, ...]
    gains: tuple[CurveGain, ...] = ()


@dataclass(frozen=True)
class Curve:
    """The drawing of one tier and language."""

    title: str
    drawing: Scatter
    text: str
    description: str


def load_curve(release: Path) -> SavedCurve | None:
    """The curve in the folder of a release; None where there is none, or of another form."""
    try:
        return SavedCurve.model_validate_json((release / FILE_NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def curves_of(saved: SavedCurve | None, strata: Sequence[Stratum]) -> list[Curve]:
    """The drawings of these strata that have two points or more."""
    if saved is None:
        return []
    curves = []
    for stratum in strata:
        points = [point for point in saved.points if point.stratum == stratum]
        if len(points) > 1:
            curves.append(_curve(saved, stratum, points))
    return curves


def _curve(saved: SavedCurve, stratum: Stratum, points: Sequence[CurvePoint]) -> Curve:
    rows = [
        (n, float(one.labels), one.accuracy, (one.low, one.high)) for n, one in enumerate(points, start=1)
    ]
    numbers = ", ".join(
        f"{one.labels} labels: {one.accuracy:.2f} ({one.low:.2f}-{one.high:.2f})" for one in points
    )
    gain = next((one for one in saved.gains if one.stratum == stratum), None)
    if gain is None or gain.more_labels is None:
        text = "The curve may be flat, so nobody can say whether more labels would help."
    else:
        text = f"About {gain.more_labels} more labels would gain a point."
    return Curve(stratum.title, scatter(rows, join=True), f"{saved.candidate}; {numbers}. {text}", numbers)
