"""What the API takes and gives."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, model_validator

from signalbox.contracts.light import APPEARANCE, REASON_TEXT, Light, LightReason
from signalbox.contracts.record import Contract, Label, ModelRelease, Record, Route, Verdict
from signalbox.tasks import Task

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

_EXAMPLE: dict[str, JsonValue] = {
    "text": "Socio-medical indication for the aid is confirmed.",
    "language": "en",
    "model": "cascade",
}


class AssessRequest(Contract):
    """One text or many."""

    model_config = ConfigDict(json_schema_extra={"examples": [dict(_EXAMPLE)]})

    text: Text | None = Field(default=None, description="One text.")
    texts: list[Text] | None = Field(
        default=None, min_length=1, description="Several texts, instead of `text`."
    )
    language: str = Field(max_length=16, examples=["en", "de"])
    model: Route = Field(default="encoder", description="Which model answers.")
    source: Literal["user", "evaluation"] = Field(
        default="user", description="evaluation: kept apart from what users asked."
    )

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.text is None) == (self.texts is None):
            raise ValueError("send either text or texts")
        return self

    @property
    def all_texts(self) -> list[str]:
        """The texts, however they came."""
        return [self.text] if self.text is not None else list(self.texts or [])


class ShownLight(Contract):
    """A light as people see it, never by colour alone."""

    colour: Light
    word: str
    symbol: str
    reason: LightReason
    text: str
    provisional: bool = Field(description="True: no certificate covers this answer.")


class PublicPrediction(Contract):
    """A prediction as the API shows it; a red one withholds verdict, probability and justification."""

    id: str
    task: str
    language: str
    route: Route
    light: ShownLight
    verdict: Verdict | None
    word: str | None = Field(description="The verdict in the language of the text.")
    p_yes: float | None
    justification: str | None
    release: ModelRelease | None
    latency_seconds: float


class AssessResponse(Contract):
    """Predictions in the order of the texts."""

    predictions: list[PublicPrediction]


class FeedbackRequest(Contract):
    """The ground truth of one prediction."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"prediction_id": "5f0c6c0e-7c7f-4b8e-9d6f-1f1f8a0f6a10", "label": "yes"}]
        }
    )

    prediction_id: str = Field(min_length=1, max_length=64)
    label: Label
    comment: str | None = Field(default=None, max_length=2000)


class FeedbackResponse(Contract):
    """What was kept."""

    id: str
    prediction_id: str
    label: Label


class Health(Contract):
    """Readiness with what is down."""

    ready: bool
    upstreams: dict[str, bool]


class ErrorBody(Contract):
    """Cause and cure."""

    field: str
    value: str
    cure: str


class ErrorResponse(Contract):
    """Every error of this API."""

    error: ErrorBody


def to_public(record: Record, task: Task) -> PublicPrediction:
    """The record as shown; what the light withholds is left out here and nowhere else."""
    look = APPEARANCE[record.light]
    shown = record.light is not Light.RED
    light = ShownLight(
        colour=record.light,
        word=_in(look.word, record.language),
        symbol=look.symbol,
        reason=record.light_reason,
        text=_in(REASON_TEXT[record.light_reason], record.language),
        provisional=record.light_reason is not LightReason.CERTIFIED,
    )
    return PublicPrediction(
        id=record.id,
        task=record.task,
        language=record.language,
        route=record.route,
        light=light,
        verdict=record.verdict if shown else None,
        word=task.word(record.verdict, record.language) if shown else None,
        p_yes=record.p_yes if shown else None,
        justification=record.justification if shown else None,
        release=record.release,
        latency_seconds=record.latency_seconds,
    )


def _in(texts: dict[str, str], language: str) -> str:
    """The text in a language, English where there is no translation."""
    return texts.get(language, texts["en"])
