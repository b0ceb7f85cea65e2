"""The form of the page /plan: its fields, and a query as a question for the planner. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.assessor.web.language import Texts

MOST_CHARACTERS = 120
_LARGEST_NUMBER = 10_000_000
# Field → the name that lists its proposals.
TEXT_FIELDS = {"model": "models", "gpu": "gpus", "engine": "engines", "quantization": "quantizations"}
NUMBER_FIELDS = ("context", "concurrency")
FIELDS = (*TEXT_FIELDS, *NUMBER_FIELDS)
# What the planner calls a field in its messages, where it is not the option of that name.
_NAMES = {"GPU": "gpu", "--html": "model"}
_OPTION = re.compile(r"`--([a-z-]+)(?:[ =]([^`]*))?`")


@dataclass(frozen=True)
class PlanForm:
    """The fields as they were sent, to be shown again, and what is wrong with them."""

    values: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def request(self) -> dict[str, Any]:
        """The planner's fields; empty ones are its choice."""
        texts = {name: self.values[name] for name in TEXT_FIELDS if self.values[name]}
        numbers = {name: int(self.values[name]) for name in NUMBER_FIELDS if self.values[name]}
        return texts | numbers


def read_query(query: Mapping[str, str], t: Texts) -> PlanForm | None:
    """The form of an address; None for an address without a question."""
    values = {name: " ".join(query.get(name, "").split()) for name in FIELDS}
    if not any(values.values()):
        return None
    errors = {name: error for name in FIELDS if (error := _error(name, values[name], t))}
    return PlanForm({name: value[:MOST_CHARACTERS] for name, value in values.items()}, errors)


def _error(name: str, value: str, t: Texts) -> str:
    if name == "model" and not value:
        return t("plan_error_model")
    if len(value) > MOST_CHARACTERS or not value.isprintable():
        return t("plan_error_text", maximum=MOST_CHARACTERS)
    if name in NUMBER_FIELDS and value and not _is_number(value):
        return t("plan_error_number", maximum=_LARGEST_NUMBER)
    return ""


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and 1 <= int(value) <= _LARGEST_NUMBER


def field_of(name: str) -> str:
    """The field of this form that an error of the planner is about; the model if it is none of them."""
    own = _NAMES.get(name, name.removeprefix("--"))
    return own if own in FIELDS else "model"


def sentence(text: str) -> str:
    """A message of the planner as a sentence, with this form's names in place of options of the command line."""
    t = Texts("en")

    def named(match: re.Match[str]) -> str:
        if match[1] not in FIELDS:
            return match[0]
        label = t(f"plan_{match[1]}")
        return f"“{label}” `{match[2]}`" if match[2] else f"“{label}”"

    text = _OPTION.sub(named, text).strip()
    end = "" if text.endswith((".", "?", "!")) else "."
    return f"{text[:1].upper()}{text[1:]}{end}" if text else ""
