"""Passages that are read with a text: the task's limits, and how they are written into a prompt. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import Field

from signalbox.contracts.record import Contract
from signalbox.errors import InputError

PASSAGES = "{context}"  # where the template of a user's turn has the passages
_PLACES = re.compile(r"\{(text|context)\}")


class ContextSpec(Contract):
    """Limits of the passages of one text."""

    max_passages: int = Field(default=8, ge=1, le=64, description="Maximum number of passages.")
    max_passage_characters: int = Field(default=2000, gt=0, description="Maximum length of a passage.")

    def check(self, context: Sequence[str], field: str = "context") -> None:
        """Raise InputError for the first thing that is wrong with the passages of a request."""
        if len(context) > self.max_passages:
            raise InputError(field, len(context), f"Send at most {self.max_passages} passages.")
        for index, passage in enumerate(context):
            if not passage.strip():
                raise InputError(f"{field}.{index}", passage, "Send a passage that is not empty.")
            if len(passage) > self.max_passage_characters:
                hint = f"Send at most {self.max_passage_characters} characters; split the passage."
                raise InputError(f"{field}.{index}", passage, hint)


def user_turn(template: str, text: str, context: Sequence[str]) -> str:
    """A user's turn with the text and its passages; passages come first where the template has no place for them.

    Texts are filled in at once, so that a passage that contains "{text}" stays as it is.
    """
    if context and PASSAGES not in template:
        template = f"{PASSAGES}\n\n{template}"
    values = {"text": text, "context": numbered(context)}
    return _PLACES.sub(lambda match: values[match[1]], template).strip()


def numbered(context: Sequence[str]) -> str:
    """The passages as lines, each with its number."""
    return "\n".join(f"[{number}] {passage}" for number, passage in enumerate(context, start=1))
