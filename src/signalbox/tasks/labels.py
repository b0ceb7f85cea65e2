"""The labels of a task: their names, words and descriptions, and what makes a list of them unusable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import Field, field_validator

from signalbox.contracts.labels import ABSTAIN, NEUTRAL, Label, listed, same_name
from signalbox.contracts.record import Contract
from signalbox.errors import InputError

FEWEST, MOST = 2, 20
LETTERS = "ABCDEFGHIJKLMNOPQRSTU"  # one for each label, and one to abstain
AnswerForm = Literal["words", "letters"]

# Words to abstain with; another language writes its own.
ABSTAIN_WORDS: Mapping[str, tuple[str, ...]] = {"en": ("None of these",), "de": ("Nichts davon",)}

_RESERVED = {same_name(NEUTRAL): "an answer without a label", same_name(ABSTAIN): "`abstain: true`"}


class TaskLabel(Contract):
    """One label of a task. `former` are names that it had before: records with them count for it."""

    name: Label
    words: dict[str, tuple[str, ...]] = Field(
        description="Words per language; the first one is the canonical form."
    )
    description: dict[str, str] = Field(
        default_factory=dict,
        description="What the label means, per language: for the prompt, the page and the judge.",
    )
    former: tuple[Label, ...] = ()

    @field_validator("name", "former", mode="before")
    @classmethod
    def _quoted_name(cls, value: object) -> object:
        if any(isinstance(name, bool) for name in (value if isinstance(value, list) else [value])):
            raise ValueError('YAML reads a bare yes or no as true or false: put it in quotes, name: "yes"')
        return value

    @field_validator("words", mode="before")
    @classmethod
    def _quoted_words(cls, value: object) -> object:
        return check_quoted(value, 'YAML reads a bare word as true or false: put it in quotes, de: ["Ja"]')


def check_quoted(value: object, problem: str) -> object:
    """The value. Raises ValueError where YAML read a word as true or false."""
    flat = [value] if not isinstance(value, dict) else [*value, *value.values()]
    bare = [item for part in flat for item in (part if isinstance(part, list) else [part])]
    if any(isinstance(item, bool) for item in bare):
        raise ValueError(problem)
    return value


def check_names(labels: Sequence[TaskLabel]) -> None:
    """Raise InputError for a number of labels or a name that is unusable."""
    if not FEWEST <= len(labels) <= MOST:
        raise InputError("labels", len(labels), f"Write {FEWEST} to {MOST} labels.")
    names: dict[str, str] = {}
    for index, label in enumerate(labels):
        for field, name in (("name", label.name), *(("former", former) for former in label.former)):
            where, key = f"labels.{index}.{field}", same_name(name)
            if use := _RESERVED.get(key):
                raise InputError(where, name, f"The name is reserved for {use}; choose another one.")
            if other := names.get(key):
                hint = f"Another label has this name (`{other}`); case and accents written in two ways do not count."
                raise InputError(where, name, f"{hint} Choose another one.")
            names[key] = name


def check_words(language: str, words: Mapping[Label, Sequence[str]]) -> None:
    """Raise InputError where a label has no word in a language, or shares one with another label."""
    owners: dict[str, str] = {}
    for label, forms in words.items():
        if not forms or not all(form.strip() for form in forms):
            field, hint = f"words of `{label}` in `{language}`", "Write at least one word, and no empty one."
            raise InputError(field, list(forms), hint)
        for form in forms:
            other = owners.setdefault(same_name(form.strip()), label)
            if other != label:
                hint = f"`{other}` has the same word in the language `{language}`. Give each label its own words."
                raise InputError(f"words of `{label}`", form, hint)


def unknown_label_hint(names: Iterable[str]) -> str:
    """What to do about a label that the task does not have."""
    return f"The labels of the task are {listed(names)}. Use one of them, or add it to task.yaml."
