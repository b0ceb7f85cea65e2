"""One request of the page /plan. A question is an address, so an answer can be sent as a link or as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from services.assessor.plan.form import FIELDS, MOST_CHARACTERS, PlanForm, field_of, read_query, sentence
from services.assessor.plan.planner import Planner, PlannerUnavailable
from services.assessor.state import state_of
from services.assessor.web.language import LANGUAGES, OWN_NAMES, Texts, negotiate
from services.assessor.web.queue_page import LANGUAGE_COOKIE
from services.assessor.web.rendering import HEADERS, Templates, cookie_flags
from signalbox.capacity.answers.page_file import PageParts, page_file

_DOWNLOAD = {"Content-Disposition": 'attachment; filename="plan.html"'}
_STATUS = {"plan_failed": HTTPStatus.INTERNAL_SERVER_ERROR}


@dataclass(frozen=True)
class Site:
    """What all requests of the page share. `version`: of its own files."""

    templates: Templates
    version: str
    planner: Planner


class PlanPage:
    """The page in the reader's language."""

    def __init__(self, request: Request, site: Site) -> None:
        self._query, self._site, self._state = request.query_params, site, state_of(request)
        self._choice = self._query.get("lang")
        self._cookie, self._flags = request.cookies.get(LANGUAGE_COOKIE), cookie_flags(request)
        language = next((code for code in (self._choice, self._cookie) if code in LANGUAGES), None)
        self._t = Texts(language or negotiate(request.headers.get("accept-language", "")))

    async def show(self) -> Response:
        """The form; with a question, its answer or what is wrong with it; with `file`, the answer as one file."""
        form = read_query(self._query, self._t)
        if form is None:
            return await self._render(PlanForm(dict.fromkeys(FIELDS, "")))
        if form.errors:
            return await self._render(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            answer = await self._site.planner.answer({"request": form.request, "language": self._t.language})
        except PlannerUnavailable as error:
            status = _STATUS.get(error.key, HTTPStatus.SERVICE_UNAVAILABLE)
            return await self._render(
                form, status, notice=self._t(error.key, seconds=round(self._site.planner.seconds))
            )
        if "error" in answer:
            fault = answer["error"]
            return await self._render(
                PlanForm(form.values, {field_of(fault["field"]): ""}),
                HTTPStatus.UNPROCESSABLE_ENTITY,
                sentences=[text for text in map(sentence, (fault["message"], fault["hint"])) if text],
            )
        parts = PageParts(**answer["page"])
        if "file" in self._query:
            return HTMLResponse(page_file(parts), headers={**HEADERS, **_DOWNLOAD})
        return await self._render(form, parts=parts)

    async def _render(
        self,
        form: PlanForm,
        status: int = HTTPStatus.OK,
        *,
        parts: PageParts | None = None,
        notice: str = "",
        sentences: list[str] | None = None,
    ) -> Response:
        question = {name: value for name, value in form.values.items() if value}
        context: dict[str, Any] = {
            "t": self._t,
            "title": self._t.pick(self._state.task.title),
            "languages": OWN_NAMES,
            "form": form,
            "names": await self._names(),
            "maximum": MOST_CHARACTERS,
            "address": f"{urlencode(question)}&" if question else "",
            "parts": parts,
            "body": Markup(parts.body) if parts else "",  # noqa: S704 - the planner escapes its texts
            "data": Markup(parts.script_data) if parts else "",  # noqa: S704 - JSON without "<"
            "notice": notice,
            "sentences": sentences or [],
            "version": self._site.templates.version,
            "plan_version": self._site.version,
        }
        response = HTMLResponse(self._site.templates.plan.render(context), status, HEADERS)
        if self._choice in LANGUAGES and self._choice != self._cookie:
            response.set_cookie(LANGUAGE_COOKIE, self._t.language, **self._flags)
        return response

    async def _names(self) -> Mapping[str, list[str]]:
        """What the form proposes; nothing if the planner is busy, and then fields are for free text."""
        try:
            names: Mapping[str, list[str]] = (await self._site.planner.answer({}))["names"]
        except PlannerUnavailable:
            return {"models": [], "gpus": [], "engines": [], "quantizations": []}
        return names
