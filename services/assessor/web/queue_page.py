"""One request of the queue's page: a text without its verdict, and one keystroke for an answer.

The page and its source hold no verdict, no light, no score and no id of a prediction. A form that worked is answered by a
redirect, so that a reload enters nothing twice.
"""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from services.assessor.review.queue import Queue
from services.assessor.review.routes import queue_of, reviewer_of
from services.assessor.review.schemas import CampaignProgress, LanguageAgreement, QueueItem, QueueProgress
from services.assessor.state import State, state_of
from services.assessor.web.forms import FormError, read_form
from services.assessor.web.language import LANGUAGES, OWN_NAMES, Texts, negotiate
from services.assessor.web.rendering import HEADERS, Templates, cookie_flags
from signalbox.contracts.requests import ReviewAction
from signalbox.errors import InputError, NotFoundError
from signalbox.store import StoreUnavailable

log = logging.getLogger(__name__)

LANGUAGE_COOKIE, REVIEWER_COOKIE = "signalbox_language", "signalbox_reviewer"
# One key for each of the twenty labels that a task may have, and for “none of these”; S, X and U have meanings of their own.
LABEL_KEYS = "123456789abcdefghijklm"
_NOTICES = {"undone": "queue_undone", "nothing": "queue_nothing_to_undo", "gone": "queue_gone"}
_ACTIONS = {action.value: action for action in ReviewAction}


class QueuePage:
    """One request, answered in the reader's language."""

    def __init__(self, request: Request, templates: Templates) -> None:
        self._request, self._templates = request, templates
        self._state: State = state_of(request)
        self._queue: Queue = queue_of(self._state)
        self._new_reviewer: str | None = None
        self._reviewer = reviewer_of(request) or self._reviewer_of_browser()
        self._set_language(request.query_params.get("lang"))
        self._texts = self._language_of_texts(request.query_params.get("language", ""))

    async def show(self) -> Response:
        """GET: the text that the reviewer has, or the next one."""
        notice = _NOTICES.get(self._request.query_params.get("notice", ""))
        return await self._render(notice=notice)

    async def enter(self) -> Response:
        """POST: store the answer, then show the next text."""
        try:
            fields = await read_form(self._request, self._state.settings.max_body_bytes)
        except FormError as error:
            return await self._render(error.status, notice=error.key, is_error=True)
        self._set_language(fields.get("lang"))
        self._texts = self._language_of_texts(fields.get("language", ""))
        action = _ACTIONS.get(fields.get("action", ReviewAction.LABEL.value))
        try:
            if action is ReviewAction.UNDO:
                return self._redirect("undone" if await self._queue.undo(self._reviewer) else "nothing")
            label = fields.get("label") or None
            if action is None or (action is ReviewAction.LABEL and label is None):
                return await self._render(
                    HTTPStatus.UNPROCESSABLE_ENTITY, notice="queue_no_answer", is_error=True
                )
            own = label if action is ReviewAction.LABEL else None
            await self._queue.enter(self._reviewer, fields.get("id", ""), action, own)
        except NotFoundError:
            return self._redirect("gone")
        except InputError:
            return await self._render(
                HTTPStatus.UNPROCESSABLE_ENTITY, notice="queue_no_answer", is_error=True
            )
        except StoreUnavailable:
            return await self._unavailable()
        return self._redirect()

    async def _render(
        self, status: int = HTTPStatus.OK, *, notice: str | None = None, is_error: bool = False
    ) -> Response:
        try:
            item = await self._queue.next(self._reviewer, self._texts)
            progress = await self._queue.progress()
        except StoreUnavailable:
            return await self._unavailable()
        return self._response(item, progress, status, notice, is_error=is_error)

    async def _unavailable(self) -> Response:
        log.warning("queue unavailable")
        nothing = QueueProgress(campaigns=[], agreement=[])
        return self._response(None, nothing, HTTPStatus.SERVICE_UNAVAILABLE, "queue_down", is_error=True)

    def _response(
        self,
        item: QueueItem | None,
        progress: QueueProgress,
        status: int,
        notice: str | None,
        *,
        is_error: bool,
    ) -> Response:
        t, task = self._t, self._state.task
        context: dict[str, Any] = {
            "t": t,
            "title": t.pick(task.title),
            "home": "queue",
            "languages": OWN_NAMES,
            "text_languages": {code: t.language_name(code) for code in task.languages},
            "texts": self._texts,
            "item": item,
            "keyed": zip(item.labels, LABEL_KEYS, strict=False) if item else [],
            "is_described": any(label.description for label in item.labels) if item else False,
            "prices": price_lines(progress.campaigns, t),
            "agreement": [agreement_line(row, t) for row in progress.agreement],
            "notice": t(notice, maximum=task.max_input_characters) if notice else None,
            "is_error": is_error,
            "is_down": notice == "queue_down",
            "version": self._templates.version,
        }
        html = self._templates.queue.render(context)
        return self._with_cookies(HTMLResponse(html, status, HEADERS))

    def _redirect(self, notice: str = "") -> Response:
        query = {"language": self._texts, "notice": notice}
        query |= {"lang": self._t.language} if self._language_changes else {}
        query = {name: value for name, value in query.items() if value}
        target = f"queue?{urlencode(query)}" if query else "queue"
        return self._with_cookies(RedirectResponse(f"./{target}#item", HTTPStatus.SEE_OTHER, HEADERS))

    def _set_language(self, choice: str | None) -> None:
        cookie = self._request.cookies.get(LANGUAGE_COOKIE)
        language = next((code for code in (choice, cookie) if code in LANGUAGES), None)
        self._t = Texts(language or negotiate(self._request.headers.get("accept-language", "")))
        self._language_changes = choice in LANGUAGES and choice != cookie

    def _language_of_texts(self, choice: str) -> str:
        return choice if choice in self._state.task.languages else ""

    def _reviewer_of_browser(self) -> str:
        """Where no keys are required, a browser is a reviewer: two of them must not get one text."""
        cookie = self._request.cookies.get(REVIEWER_COOKIE, "")
        if len(cookie) == 32 and cookie.isalnum() and cookie.isascii():
            return f"browser-{cookie}"
        self._new_reviewer = uuid.uuid4().hex
        return f"browser-{self._new_reviewer}"

    def _with_cookies(self, response: Response) -> Response:
        flags = cookie_flags(self._request)
        if self._language_changes:
            response.set_cookie(LANGUAGE_COOKIE, self._t.language, **flags)
        if self._new_reviewer:
            response.set_cookie(REVIEWER_COOKIE, self._new_reviewer, **flags)
        return response


def price_lines(campaigns: list[CampaignProgress], t: Texts) -> list[str]:
    """One sentence for each campaign. Campaigns of a language have numbers, which say nothing about their verdicts."""
    counts, numbers = Counter(one.language for one in campaigns), Counter[str]()
    lines = []
    for one in campaigns:
        numbers[one.language] += 1
        name = t.language_name(one.language)
        if counts[one.language] > 1:
            name = t("queue_group", language=name, number=numbers[one.language])
        lines.append(_price_line(one, name, t))
    return lines


def _price_line(one: CampaignProgress, name: str, t: Texts) -> str:
    values = {"name": name, "labels": one.labels, "wrong": one.wrong}
    if one.share is None:
        return t("queue_price_all", **values)
    values["share"] = t.whole_percent(one.share)
    if one.more is None:
        line = t("queue_price_none", **values)
    else:
        key = "queue_price_one" if one.more == 1 else "queue_price"
        line = t(key, **values, needed=one.needed, more=one.more, texts=one.texts)
    green = t("queue_green", share=t.whole_percent(one.green)) if one.green else ""
    return f"{line} {green}".rstrip()


def agreement_line(row: LanguageAgreement, t: Texts) -> str:
    """How often two reviewers agree, in words."""
    values = {"name": t.language_name(row.language), "equal": row.equal, "rows": row.rows}
    if row.kappa is None:
        return t("queue_agreement_plain", **values)
    return t("queue_agreement", **values, kappa=t.decimal(row.kappa))
