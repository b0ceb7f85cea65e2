"""Requests and responses of the queue. None of them holds a verdict, a light, a score or the id of a prediction."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from signalbox.contracts.labels import YES, Label
from signalbox.contracts.record import Contract
from signalbox.contracts.requests import ReviewAction

_ID = "0d5c0a52-52a5-4f0f-9d0b-6f2f0c1de001.1.1"


class QueueLabel(Contract):
    """An answer that a reviewer may give."""

    label: Label
    word: str = Field(description="The label in the language of the text.")
    description: str


class QueueItem(Contract):
    """A text to be judged. It stays with its reviewer for 30 minutes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": _ID,
                    "language": "en",
                    "text": "Socio-medical indication for the aid is confirmed.",
                    "context": [],
                    "question": "Does the sentence support the aid?",
                    "labels": [{"label": YES, "word": "Yes", "description": ""}],
                }
            ]
        }
    )

    id: str
    language: str
    text: str
    context: tuple[str, ...] = Field(default=(), description="Passages that the model read with the text.")
    question: str
    labels: list[QueueLabel]


class NextRequest(Contract):
    """Which text a reviewer wants next."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"language": "de"}, {}]})

    language: str = Field(default="", max_length=16, description="Language of the texts. Empty: all.")


class ReviewRequest(Contract):
    """What a reviewer says about a text."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": _ID, "action": "label", "label": YES}]})

    id: str = Field(min_length=1, max_length=80)
    action: ReviewAction = Field(
        default=ReviewAction.LABEL,
        description="label; skip: the text stays in the queue; unjudgeable: nobody can tell, which counts as wrong.",
    )
    label: Label | None = Field(
        default=None, description="A label of the task; only with the action `label`."
    )


class CampaignProgress(Contract):
    """Where one campaign is. It counts entries that can no longer be undone."""

    language: str
    labels: int = Field(description="Labels above the next threshold.")
    wrong: int = Field(description="How many of these differ from the model.")
    needed: int | None = Field(description="Labels in all that pass the threshold if the rest are right.")
    more: int | None = Field(description="Right answers that are still needed. None: no way from here.")
    texts: int | None = Field(description="Texts of the queue that this takes, about.")
    share: float | None = Field(description="Share of the answers above the threshold. None: all passed.")
    green: float = Field(description="Share of the answers that the labels certify now.")
    asked: int = Field(description="Texts that were handed out.")
    answered: int
    waiting: int = Field(description="Texts that are not answered.")


class LanguageAgreement(Contract):
    """How often two reviewers gave the same label."""

    language: str
    rows: int
    equal: int
    share: float | None
    kappa: float | None = Field(description="Cohen's kappa. None: not defined for these rows.")


class QueueProgress(Contract):
    """Where the queue is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "campaigns": [
                        {
                            "language": "de",
                            "labels": 19,
                            "wrong": 0,
                            "needed": 28,
                            "more": 9,
                            "texts": 13,
                            "share": 0.35,
                            "green": 0.0,
                            "asked": 27,
                            "answered": 27,
                            "waiting": 173,
                        }
                    ],
                    "agreement": [{"language": "de", "rows": 20, "equal": 18, "share": 0.9, "kappa": 0.8}],
                }
            ]
        }
    )

    campaigns: list[CampaignProgress]
    agreement: list[LanguageAgreement]
