"""One request of the web page, from the form to the response: rendered on the server, complete without JavaScript.

A form that worked is answered by a redirect (Post/Redirect/Get), so that a reload sends nothing twice. An answer that
cannot be read back in full (the store is unavailable, or text storage is off) is shown in place instead. All links are
relative, so that the page works under any prefix of a proxy. The page stores nothing but two cookies.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from services.assessor.review.feedback import add_feedback
from services.assessor.routes.presence import Presence, Presences
from services.assessor.schemas import FeedbackRequest
from services.assessor.state import State, state_of
from services.assessor.web import history, labels, views
from services.assessor.web.evidence import EvidenceView, evidence_view
from services.assessor.web.forms import (
    AssessForm,
    FeedbackForm,
    FormError,
    check_assess,
    check_feedback,
    read_form,
)
from services.assessor.web.language import LANGUAGES, OWN_NAMES, Texts, negotiate
from services.assessor.web.rendering import HEADERS, Templates, cookie_flags
from signalbox.contracts.light import Light
from signalbox.contracts.record import Feedback, Record
from signalbox.errors import InputError, SignalboxError
from signalbox.store import StoreUnavailable

log = logging.getLogger(__name__)

LANGUAGE_COOKIE = "signalbox_language"


class Page:
    """One request, answered in the reader's language."""

    def __init__(self, request: Request, templates: Templates) -> None:
        self._request, self._templates = request, templates
        self._state: State = state_of(request)
        self._presence = Presence(Presences(), request.receive)
        self._cookie = request.cookies.get(history.COOKIE)
        self._set_language(request.query_params.get("lang"))

    async def show(self) -> Response:
        """GET: the form; `answer` shows a record, `edit` puts its text into the form."""
        query = self._request.query_params
        answer_id = query.get("answer") or query.get("edit")
        record, notice = await self._find(answer_id) if answer_id else (None, None)
        form = self._empty_form(record)
        if record and "edit" in query:
            context = "\n\n".join(record.context)
            form = AssessForm(record.input_text or "", record.language, record.route, context)
            return await self._render(form=form, focus="text")
        status = HTTPStatus.NOT_FOUND if answer_id and record is None else HTTPStatus.OK
        return await self._render(record, status, form=form, notice=notice, saved="saved" in query)

    async def assess(self) -> Response:
        """POST: errors next to their field; else the answer, through a redirect if it can be read back."""
        try:
            fields = await self._read()
        except FormError as error:
            return await self._reject(error)
        form = check_assess(fields, self._state.task, self._state.routes, self._state.default_route, self._t)
        if form.errors:
            focus = next(iter(form.errors))
            return await self._render(None, HTTPStatus.UNPROCESSABLE_ENTITY, form=form, focus=focus)
        try:
            # An encoder's evidence costs milliseconds, a decoder's is for a button.
            options: dict[str, Any] = {"context": form.passages, "evidence": ("encoder",)}
            [record] = await self._state.assess.assess(
                [form.text], form.language, form.route, "user", presence=self._presence, **options
            )
        except SignalboxError:
            log.exception("assessment failed")
            notice = self._t("error_not_assessed")
            return await self._render(None, HTTPStatus.SERVICE_UNAVAILABLE, form=form, notice=notice)
        self._cookie = history.add(self._cookie, record.id)
        if await self._can_be_read_back(record):
            return self._redirect({"answer": record.id}, "answer")
        return await self._render(record, form=self._empty_form(record), focus="answer")

    async def evidence(self) -> Response:
        """POST: measure what an answer rests on. It is not stored, so it is shown in place."""
        try:
            fields = await self._read()
        except FormError as error:
            return await self._reject(error)
        record, notice = await self._find(fields.get("prediction_id", ""))
        if record is None:
            return await self._render(None, HTTPStatus.NOT_FOUND, notice=notice)
        try:
            record = self._state.judged(record, await self._feedback_of(record))
            with self._presence:
                record = await self._state.assess.explainer.complete(record)
        except SignalboxError:
            log.exception("evidence failed")
            notice = self._t("error_not_assessed")
            return await self._render(record, HTTPStatus.SERVICE_UNAVAILABLE, notice=notice)
        return await self._render(record, focus="evidence")

    async def feedback(self) -> Response:
        """POST: store the ground truth, or show the answer again with the input and its errors."""
        try:
            fields = await self._read()
        except FormError as error:
            return await self._reject(error)
        form = check_feedback(fields, labels.choices(self._state.task, self._t), self._t)
        answer_id = fields.get("prediction_id", "")
        if form.errors:
            record, notice = await self._find(answer_id)
            status = HTTPStatus.UNPROCESSABLE_ENTITY if record else HTTPStatus.NOT_FOUND
            return await self._render(record, status, feedback=form, notice=notice)
        body = {"prediction_id": answer_id, "label": form.label, "comment": form.comment or None}
        try:
            await add_feedback(
                FeedbackRequest.model_validate(body), self._state.task, self._state.store, self._state.metrics
            )
        except (InputError, ValueError):
            notice = self._t("error_answer_unknown")
            return await self._render(None, HTTPStatus.NOT_FOUND, notice=notice)
        except StoreUnavailable:
            notice = self._t("error_not_saved")
            record, _ = await self._find(answer_id)
            return await self._render(record, HTTPStatus.SERVICE_UNAVAILABLE, feedback=form, notice=notice)
        return self._redirect({"answer": answer_id, "saved": "1"}, "feedback")

    async def forget(self) -> Response:
        """POST: empty the list of answers."""
        try:
            await self._read()
        except FormError as error:
            return await self._reject(error)
        self._cookie = ""
        return self._redirect({}, "history-heading")

    async def _read(self) -> dict[str, str]:
        fields = await read_form(self._request, self._state.settings.max_body_bytes)
        self._set_language(fields.get("lang"))
        return fields

    def _set_language(self, choice: str | None) -> None:
        """Use the language of the request, else the cookie's, else the one that the browser prefers."""
        cookie = self._request.cookies.get(LANGUAGE_COOKIE)
        language = next((code for code in (choice, cookie) if code in LANGUAGES), None)
        self._t = Texts(language or negotiate(self._request.headers.get("accept-language", "")))
        self._language_changes = choice in LANGUAGES and choice != cookie

    async def _find(self, answer_id: str) -> tuple[Record | None, str | None]:
        """A record, or why there is none."""
        try:
            record = await self._state.store.get(answer_id) if history.is_id(answer_id) else None
        except StoreUnavailable:
            return None, self._t("error_store")
        if record is None or record.task != self._state.task.name:
            return None, self._t("error_answer_unknown")
        return record, None

    async def _can_be_read_back(self, record: Record) -> bool:
        try:
            return await self._state.store.get(record.id) == record
        except StoreUnavailable:
            return False

    def _empty_form(self, record: Record | None) -> AssessForm:
        """A new form: with the choices of the latest answer, else in the page's language."""
        if record:
            return AssessForm(language=record.language, model=record.route)
        return AssessForm(language=self._t.language, model=self._state.default_route)

    async def _feedback_of(self, record: Record) -> list[Feedback]:
        try:
            return await self._state.store.feedback_for(record.id)
        except StoreUnavailable:
            return []

    def _evidence_of(self, record: Record) -> EvidenceView:
        calls, store_text = self._state.assess.explainer.calls, self._state.settings.store_text
        return evidence_view(record, self._state.task, self._t, calls=calls, store_text=store_text)

    async def _history(self) -> tuple[list[views.HistoryRow], str | None]:
        """The answers of this browser that still exist, or why they cannot be listed."""
        store, task = self._state.store, self._state.task
        try:
            stored = await asyncio.gather(*(store.get(answer_id) for answer_id in history.read(self._cookie)))
        except StoreUnavailable:
            return [], self._t("error_store")
        records = [record for record in stored if record and record.task == task.name]
        feedback = await asyncio.gather(*(self._feedback_of(record) for record in records))
        pairs = zip(records, feedback, strict=True)
        rows = [(self._state.judged(record, entries), entries) for record, entries in pairs]
        return [views.history_row(record, entries, task, self._t) for record, entries in rows], None

    async def _reject(self, error: FormError) -> Response:
        notice = self._t(error.key, maximum=self._state.task.max_input_characters)
        if error.key == "error_body_long":
            form = replace(self._empty_form(None), errors={"text": notice})
            return await self._render(None, error.status, form=form, focus="text")
        return await self._render(None, error.status, notice=notice)

    def _frame(self) -> dict[str, Any]:
        """What every page shows, whatever was requested."""
        t, task = self._t, self._state.task
        return {
            "t": t,
            "task": task,
            "title": t.pick(task.title),
            "question": t.pick(task.question),
            "languages": OWN_NAMES,
            "lights": [views.light_view(light, t) for light in Light],
            "choices": labels.choices(task, t),
            "most_buttons": labels.MOST_BUTTONS,
            "task_language": labels.task_language(task, t),
            "routes": self._state.routes,
            "maximum": task.max_input_characters,
            "plan_enabled": self._state.settings.plan_enabled,
            "version": self._templates.version,
        }

    async def _render(
        self,
        record: Record | None = None,
        status: int = HTTPStatus.OK,
        *,
        form: AssessForm | None = None,
        feedback: FeedbackForm | None = None,
        notice: str | None = None,
        saved: bool = False,
        focus: str = "",
    ) -> Response:
        rows, trouble = await self._history()
        entries = await self._feedback_of(record) if record else []
        record = self._state.judged(record, entries) if record else None
        form, feedback = form or self._empty_form(record), feedback or FeedbackForm()
        context: dict[str, Any] = {
            **self._frame(),
            "answer": views.answer_view(record, self._state.task, self._t, self._state.certificate_of(record))
            if record
            else None,
            "evidence": self._evidence_of(record) if record else None,
            "truth": entries[-1] if entries else None,
            "truth_word": labels.word_of(entries[-1].label, self._state.task, self._t) if entries else None,
            "saved": saved,
            "form": form,
            "feedback": feedback,
            "history": rows,
            "notice": notice or trouble,
            "has_errors": bool(form.errors or feedback.errors or notice),
            "focus": focus,
        }
        response = HTMLResponse(self._templates.page.render(context), status, HEADERS)
        return self._with_cookies(response)

    def _redirect(self, query: dict[str, str], fragment: str) -> Response:
        # Without cookies the language would be lost, so a new one is part of the address.
        query = {**query, "lang": self._t.language} if self._language_changes else query
        target = f"./?{urlencode(query)}" if query else "./"
        response = RedirectResponse(f"{target}#{fragment}", HTTPStatus.SEE_OTHER, HEADERS)
        return self._with_cookies(response)

    def _with_cookies(self, response: Response) -> Response:
        """Session cookies: on a shared computer they end with the browser's window."""
        flags = cookie_flags(self._request)
        if self._language_changes:
            response.set_cookie(LANGUAGE_COOKIE, self._t.language, **flags)
        if self._cookie and self._cookie != self._request.cookies.get(history.COOKIE):
            response.set_cookie(history.COOKIE, self._cookie, **flags)
        elif self._cookie == "":
            response.delete_cookie(history.COOKIE, **flags)
        return response
