"""Requests for an assessment."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from signalbox.contracts.record import Contract, Source
from signalbox.contracts.routes import ROUTES, Route


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("string_too_short", "String should have at least 1 character")
    return text


# As it was sent: evidence has offsets into it. Models read it without the white space around it.
Text = Annotated[str, Field(min_length=1), AfterValidator(_not_blank)]


class AssessRequest(Contract):
    """One text or several."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "text": "Socio-medical indication for the aid is confirmed.",
                    "language": "en",
                    "model": "cascade",
                },
                {"texts": ["Der Nutzen ist belegt.", "Ein Nutzen ist nicht belegt."], "language": "de"},
            ]
        }
    )

    text: Text | None = Field(default=None, description="One text.")
    texts: list[Text] | None = Field(
        default=None, min_length=1, description="Several texts, instead of `text`."
    )
    language: str = Field(max_length=16, examples=["en", "de"])
    model: Route | None = Field(
        default=None,
        description="Route. The cascade queries the decoder if the encoder is not sure. Defaults to the first route in "
        f"the order {', '.join(ROUTES)} whose models answer.",
    )
    context: list[Text] | None = Field(
        default=None,
        min_length=1,
        description="Passages that the decoder reads with `text`, if the task has the option `context`. The route defaults "
        "to the decoder then.",
    )
    evidence: bool = Field(
        default=False,
        description="Whether to measure which parts of the input carry the verdict. An encoder reads the input again once "
        "for each part in one request, a decoder in up to SIGNALBOX_EVIDENCE_CALLS calls.",
    )
    justification: bool = Field(
        default=True, description="Whether a decoder justifies its verdict, which takes most of its time."
    )
    source: Source = Field(
        default="user", description="Records of an evaluation are kept apart from those of users."
    )

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.text is None) == (self.texts is None):
            raise ValueError("send either text or texts")
        if self.context is not None and self.text is None:
            raise ValueError("send one text with its context, not texts")
        return self

    @property
    def all_texts(self) -> list[str]:
        """The texts as they were sent, as a list in either case."""
        return [self.text] if self.text is not None else list(self.texts or [])

    @property
    def passages(self) -> tuple[str, ...]:
        """The context as the model reads it."""
        return tuple(passage.strip() for passage in self.context or ())

    @property
    def route(self) -> Route | None:
        """The route that the request names; the decoder for a context, which no other reads."""
        return self.model or ("decoder" if self.context else None)
