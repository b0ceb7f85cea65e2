"""What a task demands of green answers: the section `certificate` of `task.yaml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from signalbox.contracts.record import Contract

_Level = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]


class CertificateSpec(Contract):
    """Levels and rates of certificates."""

    alpha: _Level = Field(default=0.10, description="Largest error among green answers of a verdict.")
    delta: _Level = Field(default=0.10, description="Largest share of certificates whose statement is false.")
    fake_red: float = Field(
        default=0.05,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        description="Share of green answers that are shown red to get a label, without the verdict in sight.",
    )
    labels: int = Field(
        default=100, ge=20, le=5000, description="Number of labels that a campaign is planned for."
    )
    days: int = Field(default=28, ge=1, le=365, description="Days until a certificate expires.")
    marginal: bool = Field(
        default=False,
        description="One certificate for all verdicts together. It keeps its promise on average only: a rare verdict can be "
        "wrong more often.",
    )
    minimum_verdict_mass: float = Field(
        default=0.5,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        description="Least probability on the labels with which a decoder's answer can be green.",
    )
