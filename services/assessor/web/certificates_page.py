"""The page of the certificates: which ones hold, and every change of their states with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from services.assessor.certificates.routes import certificates_of
from services.assessor.certificates.schemas import PublicCertificate, PublicEvent
from services.assessor.state import state_of
from services.assessor.web.language import LANGUAGES, OWN_NAMES, Texts, negotiate
from services.assessor.web.queue_page import LANGUAGE_COOKIE
from services.assessor.web.rendering import HEADERS, Templates, cookie_flags
from signalbox.contracts.certificate import CertificateCause, CertificateState
from signalbox.tasks import Task


@dataclass(frozen=True)
class EventView:
    """One change in the page's language."""

    time: str
    timestamp: str
    action: str
    cause: str
    actor: str


@dataclass(frozen=True)
class CertificateView:
    """One certificate in the page's language. It never shows its state by color alone."""

    id: str
    title: str
    color: str
    state: str
    promise: str
    valid: str | None
    events: list[EventView]


async def show(request: Request, templates: Templates) -> Response:
    """The page in the reader's language."""
    state, choice = state_of(request), request.query_params.get("lang")
    cookie = request.cookies.get(LANGUAGE_COOKIE)
    language = next((code for code in (choice, cookie) if code in LANGUAGES), None)
    t = Texts(language or negotiate(request.headers.get("accept-language", "")))
    context: dict[str, Any] = {
        "t": t,
        "title": t.pick(state.task.title),
        "languages": OWN_NAMES,
        "certificates": [view_of(one, state.task, t) for one in certificates_of(state).certificates],
        "version": templates.version,
    }
    response = HTMLResponse(templates.certificates.render(context), headers=HEADERS)
    if choice in LANGUAGES and choice != cookie:
        response.set_cookie(LANGUAGE_COOKIE, t.language, **cookie_flags(request))
    return response


def view_of(one: PublicCertificate, task: Task, t: Texts) -> CertificateView:
    """A certificate as the template shows it. Pure."""
    verdict = (
        t("certificate_all")
        if one.verdict is None
        else t("quoted", word=task.word(one.verdict, one.language))
    )
    holds = one.state is CertificateState.CERTIFIED
    ended = one.state in (CertificateState.REVOKED, CertificateState.EXPIRED)
    return CertificateView(
        id=one.id,
        title=t("certificate_of", language=t.language_name(one.language), route=one.route, verdict=verdict),
        color="green" if holds else "yellow",
        state=t(f"state_{one.state.value if one.state else 'unknown'}"),
        promise=t(
            "certificate_promise" if holds else "certificate_ended",
            alpha=t.whole_percent(one.alpha),
            errors=one.errors,
            labels=one.labels,
            share=t.whole_percent(one.share),
        ),
        valid=None if ended else t("certificate_valid", time=t.time(one.expires_at)),
        events=[_event(event, t) for event in reversed(one.events)],
    )


def _event(event: PublicEvent, t: Texts) -> EventView:
    values = {"labels": 0, "errors": 0, **event.details, "reason": event.reason}
    return EventView(
        time=t.time(event.created_at),
        timestamp=event.created_at.isoformat(),
        action=t(f"action_{event.action.value}"),
        cause=t(f"cause_{CertificateCause(event.cause).value}", **values),
        actor=event.actor,
    )
