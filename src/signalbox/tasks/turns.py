"""Few-shot turns of a prompt."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from signalbox.contracts.labels import Label
from signalbox.contracts.record import Contract


class Turn(Contract):
    """One few-shot turn: a text, and the answer a good model gives, whole or as its label and its reason."""

    text: str
    context: tuple[str, ...] = ()
    answer: str | None = None
    label: Label | None = None
    reason: str = ""

    @model_validator(mode="after")
    def _has_one_answer(self) -> Self:
        if (self.answer is None) == (self.label is None):
            raise ValueError("write either answer, or label and reason")
        return self
