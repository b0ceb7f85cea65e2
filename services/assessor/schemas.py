"""What the API takes and gives."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, model_validator

from signalbox.contracts.light import APPEARANCE, REASON_TEXT, Light, LightReason
from signalbox.contracts.record import Contract, Label, ModelRelease, Record, Route, Verdict
from signalbox.tasks import Task

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

_ID = "5f0c6c0e-7c7f-4b8e-9d6f-1f1f8a0f6a10"
_RELEASE: dict[str, JsonValue] = {
    "name": "SmolLM2-135M-Instruct",
    "revision": "sha256:53aa51172d14",
    "engine": "llama.cpp",
    "quantization": "Q4_1",
}
_YELLOW: dict[str, JsonValue] = {
    "id": _ID,
    "task": "medical",
    "language": "en",
    "route": "decoder",
    "light": {
        "colour": "yellow",
        "word": "Check",
        "symbol": "!",
        "reason": "unsure",
        "text": "Provisional: not certified. The model is not confident enough.",
        "provisional": True,
    },
    "verdict": "yes",
    "word": "Yes",
    "p_yes": 0.83,
    "verdict_mass": 0.99,
    "justification": "The indication is confirmed, so the aid is supported.",
    "release": _RELEASE,
    "latency_seconds": 0.61,
}
_RED: dict[str, JsonValue] = {
    **_YELLOW,
    "light": {
        "colour": "red",
        "word": "Withheld",
        "symbol": "✕",
        "reason": "unavailable",
        "text": "The model server cannot be reached or broke off.",
        "provisional": True,
    },
    "verdict": None,
    "word": None,
    "p_yes": None,
    "verdict_mass": None,
    "justification": None,
    "release": None,
}


def _examples(*examples: dict[str, JsonValue]) -> ConfigDict:
    """For the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class AssessRequest(Contract):
    """One text or many."""

    model_config = _examples(
        {"text": "Socio-medical indication for the aid is confirmed.", "language": "en", "model": "cascade"},
        {"texts": ["Der Nutzen ist belegt.", "Ein Nutzen ist nicht belegt."], "language": "de"},
    )

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

    model_config = _examples(_YELLOW, _RED)

    id: str
    task: str
    language: str
    route: Route
    light: ShownLight
    verdict: Verdict | None
    word: str | None = Field(description="The verdict in the language of the text.")
    p_yes: float | None
    verdict_mass: float | None = Field(
        description="Probability that the decoder's first word is a verdict word at all; p_yes is its share of yes. "
        "The rest lies outside. None for an encoder."
    )
    justification: str | None
    release: ModelRelease | None
    latency_seconds: float


class AssessResponse(Contract):
    """Predictions in the order of the texts."""

    model_config = _examples({"predictions": [_YELLOW, _RED]})

    predictions: list[PublicPrediction]


class FeedbackRequest(Contract):
    """The ground truth of one prediction."""

    model_config = _examples({"prediction_id": _ID, "label": "yes", "comment": "Page 3 confirms it."})

    prediction_id: str = Field(min_length=1, max_length=64)
    label: Label
    comment: str | None = Field(default=None, max_length=2000)


class FeedbackResponse(Contract):
    """What was kept."""

    model_config = _examples(
        {"id": "0d5c0a52-52a5-4f0f-9d0b-6f2f0c1de001", "prediction_id": _ID, "label": "yes"}
    )

    id: str
    prediction_id: str
    label: Label


class Health(Contract):
    """Readiness with what is down."""

    model_config = _examples(
        {"ready": False, "upstreams": {"encoder": True, "decoder": False, "store": True}}
    )

    ready: bool
    upstreams: dict[str, bool]


class ErrorBody(Contract):
    """Cause and hint."""

    field: str
    value: str
    hint: str


class ErrorResponse(Contract):
    """Every error of this API."""

    model_config = _examples(
        {"error": {"field": "language", "value": "fr", "hint": "Task 'medical' knows: de, en."}}
    )

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
        verdict_mass=record.verdict_mass if shown else None,
        justification=record.justification if shown else None,
        release=record.release,
        latency_seconds=record.latency_seconds,
    )


def _in(texts: dict[str, str], language: str) -> str:
    """The text in a language, English where there is no translation."""
    return texts.get(language, texts["en"])
