"""Data contracts between the parts of Signalbox, each defined here once. Metrics are in `contracts.metrics`."""

from __future__ import annotations

from signalbox.contracts.labels import ABSTAIN, BINARY, NEUTRAL, NO, YES, LabelProbabilities
from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.record import (
    Contract,
    EvidenceSpan,
    Feedback,
    Label,
    LabeledText,
    ModelRelease,
    Probability,
    Record,
    Source,
    Verdict,
    text_sha256,
)
from signalbox.contracts.routes import MODELS, ROUTES, ModelName, Route, RouteSpec, routes_over

__all__ = [
    "ABSTAIN",
    "BINARY",
    "MODELS",
    "NEUTRAL",
    "NO",
    "ROUTES",
    "YES",
    "Contract",
    "EvidenceSpan",
    "Feedback",
    "Label",
    "LabelProbabilities",
    "LabeledText",
    "Light",
    "LightReason",
    "ModelName",
    "ModelRelease",
    "Probability",
    "Record",
    "Route",
    "RouteSpec",
    "Source",
    "Verdict",
    "routes_over",
    "text_sha256",
]
