"""A task's prompt in one language, and the words of yes and no that a task may have there."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from signalbox.contracts.labels import BINARY
from signalbox.contracts.record import Contract
from signalbox.errors import InputError
from signalbox.tasks.labels import check_quoted
from signalbox.tasks.turns import Turn


class LanguageSpec(Contract):
    """A task's prompt in one language, and the words of yes and no where the task has no `labels`."""

    system: str = Field(description="System prompt; asks for a verdict word first, then the reason.")
    user: str = Field(
        default="{text}",
        description="Template of the user's turn; {text} is the input, {context} its passages if the task has `context`.",
    )
    words: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Words of yes and no; the first one is the canonical form."
    )
    abstain: tuple[str, ...] = Field(default=(), description="Words to abstain with, if the task abstains.")
    turns: tuple[Turn, ...] = Field(description="Few-shot turns shown to a decoder before the question.")

    @field_validator("user")
    @classmethod
    def _has_text(cls, value: str) -> str:
        if "{text}" not in value:
            raise ValueError("must contain {text}, where the input goes")
        return value

    @field_validator("words", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        return check_quoted(
            value, 'YAML reads a bare yes or no as true or false: put them in quotes, "yes": ["Yes"]'
        )

    @field_validator("words")
    @classmethod
    def _both_labels(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        labels = {label for label, words in value.items() if words}
        if value and labels != set(BINARY):
            raise ValueError(
                f"needs words for {' and for '.join(BINARY)}, got {sorted(labels)}; "
                "other labels are written under `labels` of the task"
            )
        return value


def with_labels(value: dict[str, Any]) -> dict[str, Any]:
    """A yes/no task with its labels, from the words in its languages; what is malformed there is named there."""
    languages = value.get("languages")
    words: dict[str, Any] = {}
    for code, spec in languages.items() if isinstance(languages, dict) else ():
        words[code] = spec.words if isinstance(spec, LanguageSpec) else _mapping(spec).get("words")
        if words[code] is None or words[code] == {}:
            hint = "Write the words of yes and no, or write `labels` with the labels of your own."
            raise InputError(f"languages.{code}.words", None, hint)
    labels = [
        {"name": name, "words": {code: _mapping(here).get(name, ()) for code, here in words.items()}}
        for name in BINARY
    ]
    return {**value, "labels": labels}


def _mapping(value: object) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}
