"""Responses of the API, and the requests that are not for an assessment (`routes/requests.py`)."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field, JsonValue

from services.assessor.explain.texts import PublicEvidence, public_evidence
from services.assessor.texts import APPEARANCE, REASON_TEXT, in_language, statement
from signalbox.contracts.certificate import Certificate
from signalbox.contracts.labels import NO, YES, Label, LabelProbabilities, Verdict
from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.record import Contract, ModelRelease, Record
from signalbox.contracts.routes import Route
from signalbox.tasks import Task

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
        "color": "yellow",
        "word": "Check",
        "symbol": "!",
        "reason": "unsure",
        "text": "Provisional: not certified. The model is not confident enough.",
        "provisional": True,
    },
    "verdict": YES,
    "word": "Yes",
    "probabilities": {YES: 0.83, NO: 0.17},
    "score": 1.2,
    "p_yes": 0.83,
    "verdict_mass": 0.99,
    "justification": "The indication is confirmed, so the aid is supported.",
    "evidence": {
        "status": "measured",
        "text": "Each part was left out once, and the model read the rest again.",
        "parts": [
            {
                "start": 0,
                "end": 51,
                "passages": [],
                "unit": "sentence",
                "effect": "for",
                "weight": 0.49,
                "probability_without": 0.34,
                "verdict_without": NO,
                "text": "Without this sentence, the probability of “Yes” falls from 83.0% to 34.0%. The verdict would "
                "then be “No”.",
            }
        ],
    },
    "release": _RELEASE,
    "latency_seconds": 0.61,
}
_RED: dict[str, JsonValue] = {
    **_YELLOW,
    "light": {
        "color": "red",
        "word": "Withheld",
        "symbol": "✕",
        "reason": "unavailable",
        "text": "The model server is unreachable or closed the connection.",
        "provisional": True,
    },
    "verdict": None,
    "word": None,
    "probabilities": None,
    "score": None,
    "p_yes": None,
    "verdict_mass": None,
    "justification": None,
    "evidence": None,
    "release": None,
}


def _examples(*examples: dict[str, JsonValue]) -> ConfigDict:
    """For the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class ShownCertificate(Contract):
    """What the certificate of a green answer says."""

    id: str
    alpha: float = Field(description="Largest share of such answers that is wrong.")
    delta: float = Field(description="Largest share of certificates whose statement is false.")
    labels: int = Field(description="Labels behind it.")
    errors: int = Field(description="Of these, labels that say the answer is wrong.")
    expires_at: datetime


class ShownLight(Contract):
    """A light as people see it, never by color alone."""

    color: Light
    word: str
    symbol: str
    reason: LightReason
    text: str
    provisional: bool = Field(description="True if no certificate covers this answer.")
    certificate: ShownCertificate | None = Field(
        default=None,
        description="The certificate of a green answer. None if it is not at hand, or not green.",
    )


class PublicPrediction(Contract):
    """A prediction as the API shows it; a red one withholds verdict, probability and justification."""

    model_config = _examples(_YELLOW, _RED)

    id: str
    task: str
    language: str
    route: Route
    light: ShownLight
    verdict: Verdict | None = Field(description="A label of the task, or neutral.")
    word: str | None = Field(description="The verdict in the language of the text.")
    probabilities: LabelProbabilities | None = Field(
        description="Probability of each label, in the order of the task. They sum to 1."
    )
    score: float | None = Field(
        description="How sure the verdict is, as the light uses it: the distance of logits from the decision threshold "
        "for two labels, the margin of the two best for more."
    )
    p_yes: float | None = Field(
        description="Deprecated: probabilities has it. None unless the labels are yes and no.",
        json_schema_extra={"deprecated": True},
    )
    verdict_mass: float | None = Field(
        description="Probability that the decoder's first word is a verdict word at all; probabilities are the shares "
        "in it. None for an encoder."
    )
    justification: str | None
    evidence: PublicEvidence | None = Field(
        default=None, description="None if it was not requested. A red light withholds its parts, too."
    )
    release: ModelRelease | None
    latency_seconds: float


class AssessResponse(Contract):
    """Predictions in the order of the texts."""

    model_config = _examples({"predictions": [_YELLOW, _RED]})

    predictions: list[PublicPrediction]


class FeedbackRequest(Contract):
    """The ground truth of one prediction."""

    model_config = _examples({"prediction_id": _ID, "label": YES, "comment": "Page 3 confirms it."})

    prediction_id: str = Field(min_length=1, max_length=64)
    label: Label = Field(description="A label of the task, or its answer to abstain.")
    comment: str | None = Field(default=None, max_length=2000)


class FeedbackResponse(Contract):
    """The entry that was stored."""

    model_config = _examples(
        {"id": "0d5c0a52-52a5-4f0f-9d0b-6f2f0c1de001", "prediction_id": _ID, "label": YES}
    )

    id: str
    prediction_id: str
    label: Label


class Health(Contract):
    """Readiness of this process, and the state of each upstream, which is information."""

    model_config = _examples({"ready": True, "upstreams": {"encoder": True, "decoder": False, "store": True}})

    ready: bool
    upstreams: dict[str, bool]


class Problem(Contract):
    """An error of this API (RFC 9457, `application/problem+json`)."""

    model_config = _examples(
        {
            "type": "/problems/invalid-input",
            "title": "Invalid input",
            "status": 422,
            "detail": "language: got 'fr'.",
            "field": "language",
            "value": "'fr'",
            "hint": "Task 'medical' knows: de, en.",
        }
    )

    type: str = Field(
        description="URI reference of the kind of problem; it does not change between releases."
    )
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened.")
    field: str = Field(description="The field, header or part of the request that the problem is about.")
    value: str = Field(description="Its value, shortened.")
    hint: str = Field(description="What to do about it.")


class OpenAIError(Contract):
    """An error in the form of OpenAI's API."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorResponse(Contract):
    """Every error of the routes that are passed through to the decoder."""

    model_config = _examples(
        {
            "error": {
                "message": "The model server does not answer. Try again.",
                "type": "server_error",
                "param": "decoder",
                "code": "upstream",
            }
        }
    )

    error: OpenAIError


def to_public(record: Record, task: Task, certificate: Certificate | None = None) -> PublicPrediction:
    """The record for the public. This is the only place that removes what a red light withholds.

    `certificate`: the one that the record names, if it is at hand.
    """
    look = APPEARANCE[record.light]
    visible = record.light is not Light.RED
    light = ShownLight(
        color=record.light,
        word=in_language(look.word, record.language),
        symbol=look.symbol,
        reason=record.light_reason,
        text=statement(certificate, record.language)
        if certificate
        else in_language(REASON_TEXT[record.light_reason], record.language),
        provisional=record.light_reason is not LightReason.CERTIFIED,
        certificate=_shown(certificate) if certificate else None,
    )
    return PublicPrediction(
        id=record.id,
        task=record.task,
        language=record.language,
        route=record.route,
        light=light,
        verdict=record.verdict if visible else None,
        word=task.word(record.verdict, record.language) if visible else None,
        probabilities=record.probabilities if visible else None,
        score=record.score if visible else None,
        p_yes=record.p_yes if visible else None,
        verdict_mass=record.verdict_mass if visible else None,
        justification=record.justification if visible else None,
        evidence=public_evidence(record, task),
        release=record.release,
        latency_seconds=record.latency_seconds,
    )


def _shown(certificate: Certificate) -> ShownCertificate:
    row, campaign = certificate.decisive, certificate.campaign
    return ShownCertificate(
        id=certificate.id,
        alpha=campaign.alpha,
        delta=campaign.delta,
        labels=row.labels,
        errors=row.errors,
        expires_at=certificate.expires_at,
    )
