"""Data contracts between the parts of Signalbox, each defined here once. Metrics are in `contracts.metrics`."""

from __future__ import annotations

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
    "MODELS",
    "ROUTES",
    "Contract",
    "EvidenceSpan",
    "Feedback",
    "Label",
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
