"""The Record: one prediction, as every other part of Signalbox reads it.

Services write records, batch jobs and dashboards read them; no other shape crosses a process border.
Records are append-only. A person's correct answer to one is a `Feedback` row of its own.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from signalbox.contracts.evidence import EvidenceStatus, EvidenceUnit
from signalbox.contracts.labels import Label, LabelProbabilities, Probability, Verdict, p_yes_of, yes_no
from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.routes import Route

__all__ = [
    "Contract",
    "EvidenceSpan",
    "Feedback",
    "Label",
    "LabelProbabilities",
    "LabeledText",
    "ModelRelease",
    "Probability",
    "Record",
    "Route",
    "Source",
    "Tier",
    "Verdict",
    "text_sha256",
]

# How hard a task's texts are: prose as it is written, or minimal pairs. Figures are reported per tier.
Tier = Literal["everyday", "hard"]
# Who sent a text: a user, or an evaluation job, whose records are kept apart.
Source = Literal["user", "evaluation"]


class Contract(BaseModel):
    """Base of all contracts: immutable, and an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


class ModelRelease(Contract):
    """Which model answered, precisely enough to query the same one again."""

    name: str = Field(examples=["SmolLM2-135M-Instruct"])
    revision: str = Field(examples=["sha256:53aa51172d14"])
    engine: str = Field(examples=["llama.cpp"])
    quantization: str = Field(examples=["Q4_1"])

    @property
    def key(self) -> str:
        """One string for labels, file names and threshold tables, e.g. `llama.cpp/SmolLM2@…/Q4_1`."""
        return f"{self.engine}/{self.name}@{self.revision}/{self.quantization}"


class EvidenceSpan(Contract):
    """A part of the input that speaks for (weight > 0) or against (weight < 0) the verdict.

    `start` and `end` are offsets into `input_text`, end exclusive. They count Unicode code points, not bytes, UTF-16
    units or what a reader sees as one character.
    """

    start: int = Field(ge=0, description="First code point of the part in the text. 0 for passages.")
    end: int = Field(ge=0, description="Code point after the part. 0 for passages.")
    weight: float = Field(
        allow_inf_nan=False,
        description="Probability of the verdict with the whole input less that without this part.",
    )
    unit: EvidenceUnit = "sentence"
    passages: tuple[int, ...] = Field(
        default=(),
        description="Positions in `context` of the passages that the part consists of; empty for the text.",
    )
    verdict: Verdict | None = Field(default=None, description="The verdict without this part.")


class Record(Contract):
    """One prediction. A record of schema version 1 is read as one of version 2; what it lacks is None.

    Ground truth that was asked for is a random sample only with its chance, and only if the person answered before seeing
    the verdict. `asked` states both; feedback on any other record is voluntary.
    """

    schema_version: Literal[2] = 2
    id: str = Field(default_factory=lambda: str(uuid.uuid4()))
    created_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    source: Source = "user"
    task: str
    language: str
    route: Route
    release: ModelRelease | None = Field(description="None: no model was available.")
    input_sha256: str
    input_characters: int = Field(ge=0)
    input_text: str | None = Field(description="None if text storage is off.")
    input_start: int = Field(
        default=0,
        ge=0,
        description="Where input_text begins in the text as it was sent: white space around it is not part of it.",
    )
    context: tuple[str, ...] = Field(
        default=(), description="Passages that the model read with the text. Empty if text storage is off."
    )
    verdict: Verdict = Field(description="A label of the task as it was then, or neutral.")
    stated: Verdict = Field(description="Verdict in the answer's first word, before any threshold.")
    probabilities: LabelProbabilities | None = Field(
        description="Probability of each label, in the order of the task. They sum to 1: verdict_mass has what is outside."
    )
    verdict_mass: Probability | None = Field(
        default=None,
        description="Share of the probability on the labels; the rest is outside. None for an encoder, whose share is 1.",
    )
    score: float | None = Field(
        default=None,
        ge=0.0,
        allow_inf_nan=False,
        description="How sure the verdict is, as the light uses it: the distance of logits from the decision threshold "
        "for two labels; for more, the share of right answers at this margin of the two best in the calibration, and the "
        "margin itself without one.",
    )
    justification: str | None = None
    light: Light
    candidate_light: Light = Field(description="The light if this release were certified.")
    light_reason: LightReason
    error: str | None = Field(default=None, description="Cause, if the model did not answer.")
    evidence: tuple[EvidenceSpan, ...] = ()
    evidence_status: EvidenceStatus | None = Field(
        default=None, description="Whether there is evidence. None: it was not requested."
    )
    latency_seconds: float = Field(ge=0.0)
    prompt_tokens: int | None = Field(default=None, ge=0)
    completion_tokens: int | None = Field(default=None, ge=0)
    thresholds_digest: str | None = Field(
        default=None,
        description="Digest of all thresholds that decided verdict, light and route of this answer, or `uncalibrated`. None: "
        "no model answered, or a record of an earlier version.",
    )
    prompt_digest: str | None = Field(
        default=None,
        description="Digest of the decoder's prompt. None: the route has no decoder, or a record of an earlier version.",
    )
    certificate_digest: str | None = Field(
        default=None, description="Digest of the certificate that made the answer green. None: not green."
    )
    asked: bool = Field(
        default=False,
        description="Whether a person was asked for the ground truth at random and without seeing the verdict.",
    )
    asked_at: AwareDatetime | None = Field(
        default=None, description="Time of the request. None: nobody asked."
    )
    propensity: Probability | None = Field(
        default=None,
        description="Chance that this answer had to be asked for, whether it was or not. None: there was no sampling.",
    )

    @model_validator(mode="before")
    @classmethod
    def _upgraded(cls, value: Any) -> Any:  # noqa: ANN401 - whatever is validated
        if not isinstance(value, dict):
            return value
        record = _from_version_1(value) if value.get("schema_version") == 1 else value
        return _with_propensity(record) if "sampling_propensity" in record else record

    @model_validator(mode="after")
    def _asked_with_a_chance(self) -> Self:
        if self.asked and (self.asked_at is None or not self.propensity):
            raise ValueError(
                f"asked: needs asked_at and a propensity above 0, got asked_at={self.asked_at} and "
                f"propensity={self.propensity}; without its chance a label supports no estimate"
            )
        if not self.asked and self.asked_at is not None:
            raise ValueError(
                f"asked_at: got {self.asked_at} for a record that was not asked for; leave it out"
            )
        return self

    @property
    def p_yes(self) -> float | None:
        """p(yes) of a yes/no task, derived; None for another task."""
        return p_yes_of(self.probabilities)


class Feedback(Contract):
    """The ground truth that a person enters for one prediction."""

    id: str = Field(default_factory=lambda: str(uuid.uuid4()))
    created_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    prediction_id: str
    label: Label = Field(description="The ground truth.")
    comment: str | None = Field(default=None, max_length=2000)


class LabeledText(Contract):
    """A text with its ground truth: a line of a task's data, or a record joined with its feedback."""

    id: str
    text: str
    label: Label
    language: str
    family: str = Field(description="Paraphrases share a family; a family never crosses a split.")
    split: Literal["few-shot", "pool", "calibration", "test", "feedback"]
    tier: Tier | None = Field(default=None, description="None in a task without tiers, and of feedback.")
    context: tuple[str, ...] = Field(default=(), description="Passages to read with the text.")
    decisive: tuple[int, int] | None = Field(
        default=None,
        description="Character offsets (end exclusive) of the sentence that decides a text of several sentences.",
    )

    @model_validator(mode="after")
    def _decisive_is_in_the_text(self) -> Self:
        if self.decisive is not None and not 0 <= self.decisive[0] < self.decisive[1] <= len(self.text):
            raise ValueError(
                f"decisive: [{self.decisive[0]}, {self.decisive[1]}] is not a part of the text of "
                f"{len(self.text)} characters; write the offsets of its first and after its last character"
            )
        return self


def _from_version_1(record: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had the labels yes and no, and p(yes) as a field."""
    p_yes = record.get("p_yes")
    # What is no number stays as it is, and the validation names it.
    probabilities = yes_no(p_yes) if p_yes is None or isinstance(p_yes, (int, float)) else p_yes
    rest = {name: value for name, value in record.items() if name != "p_yes"}
    return {**rest, "schema_version": 2, "probabilities": probabilities}


def _with_propensity(record: dict[str, Any]) -> dict[str, Any]:
    """`sampling_propensity` was 1 by default, so it could not tell "asked of all" from "nobody asked"."""
    chance = record["sampling_propensity"]
    rest = {name: value for name, value in record.items() if name != "sampling_propensity"}
    return rest if chance == 1.0 else {**rest, "propensity": chance}


def text_sha256(text: str) -> str:
    """Hex SHA-256 of the text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()
