"""The page's forms: read and checked, with errors in the reader's language. Pure but for `read_form`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import parse_qsl

from fastapi import Request

from services.assessor.access.same_origin import is_same_origin
from services.assessor.web.labels import MOST_BUTTONS, Choice
from services.assessor.web.language import Texts
from signalbox.contracts.routes import ROUTES, Route
from signalbox.tasks import Task
from signalbox.tasks.context import ContextSpec

COMMENT_CHARACTERS = 2000

_MOST_FIELDS = 20
_MOST_DROPPED_BYTES = 16 * 1024 * 1024


class FormError(Exception):
    """A form that is unusable: the key of its message and the HTTP status."""

    def __init__(self, key: str, status: int) -> None:
        self.key, self.status = key, status
        super().__init__(key)


@dataclass(frozen=True)
class AssessForm:
    """The input for an assessment, to be shown again."""

    text: str = ""
    language: str = ""
    model: str = ""
    context: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def passages(self) -> tuple[str, ...]:
        """The passages of the context, which blank lines separate."""
        return tuple(part.strip() for part in re.split(r"\n[ \t]*\n", self.context) if part.strip())

    @property
    def route(self) -> Route:
        """The model as a route; only where there are no errors."""
        return cast("Route", self.model)


@dataclass(frozen=True)
class FeedbackForm:
    """The ground truth for one answer."""

    label: str = ""
    comment: str = ""
    errors: dict[str, str] = field(default_factory=dict)


async def read_form(request: Request, most_bytes: int) -> dict[str, str]:
    """The fields of a form sent by our own page. Raises FormError."""
    if not is_same_origin(request.headers):
        raise FormError("error_origin", 403)
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise FormError("error_form", 415)
    body = await _read_body(request, most_bytes)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise FormError("error_form", 400) from error
    # Browsers send a line break as CRLF, but count it as one character; the API gets LF.
    return {name: value.replace("\r\n", "\n").strip() for name, value in pairs}


async def _read_body(request: Request, most_bytes: int) -> bytes:
    """The body. One that is too long is read to its end and discarded: else the browser shows no response."""
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most_bytes:
            body += chunk
        elif size > _MOST_DROPPED_BYTES:
            break
    if size > most_bytes:
        raise FormError("error_body_long", 413)
    return bytes(body)


def check_assess(
    fields: Mapping[str, str], task: Task, routes: Sequence[str], default_route: str, t: Texts
) -> AssessForm:
    """The form to assess a text, with its errors. `routes`: those that exist."""
    text, language = fields.get("text", ""), fields.get("language", "")
    model = fields.get("model", default_route)
    errors: dict[str, str] = {}
    if error := _text_error(text, task.max_input_characters, t):
        errors["text"] = error
    if language not in task.languages:
        choices = ", ".join(t.language_name(code) for code in task.languages)
        errors["language"] = t("error_language", value=language, choices=choices)
    if model not in routes:
        choices = ", ".join(t(f"route_{route}") for route in routes)
        errors["model"] = t("error_model", value=model, choices=choices)
    form = AssessForm(text, language, model, fields.get("context", "") if task.context else "", errors)
    if form.passages and task.context:
        errors |= _context_errors(form, task.context, t)
    return form


def _context_errors(form: AssessForm, limits: ContextSpec, t: Texts) -> dict[str, str]:
    count, maximum = limits.max_passages, limits.max_passage_characters
    longest = max(map(len, form.passages))
    if len(form.passages) > count or longest > maximum:
        values = {"passages": len(form.passages), "length": longest, "count": count, "maximum": maximum}
        return {"context": t("error_context", **values)}
    if _has_control_characters(form.context):
        return {"context": t("error_text_characters")}
    if "model" not in form.errors and "encoder" in ROUTES[form.route].models:
        return {"context": t("error_context_route")}
    return {}


def check_feedback(fields: Mapping[str, str], choices: Sequence[Choice], t: Texts) -> FeedbackForm:
    """The form for ground truth, with its errors. `choices`: the answers that a person may give."""
    label, comment = fields.get("label", ""), fields.get("comment", "")
    errors: dict[str, str] = {}
    if label not in {choice.label for choice in choices}:
        is_list = len(choices) > MOST_BUTTONS
        words = t.choices(choice.word for choice in choices)
        errors["label"] = t("error_label_list") if is_list else t("error_label", choices=words)
    if len(comment) > COMMENT_CHARACTERS:
        errors["comment"] = t("error_comment_long", **_excess(comment, COMMENT_CHARACTERS))
    elif _has_control_characters(comment):
        errors["comment"] = t("error_text_characters")
    return FeedbackForm(label, comment, errors)


def _text_error(text: str, maximum: int, t: Texts) -> str | None:
    if not text:
        return t("error_text_empty")
    if len(text) > maximum:
        return t("error_text_long", **_excess(text, maximum))
    return t("error_text_characters") if _has_control_characters(text) else None


def _excess(text: str, maximum: int) -> dict[str, int]:
    return {"count": len(text), "maximum": maximum, "excess": len(text) - maximum}


def _has_control_characters(text: str) -> bool:
    # Postgres cannot keep a NUL; the others come from copied binary data.
    return any(character < " " and character not in "\n\r\t\f\v" for character in text)
