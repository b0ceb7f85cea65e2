"""The routes of the web page."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles

from services.assessor.web import certificates_page
from services.assessor.web.page import Page
from services.assessor.web.queue_page import QueuePage
from services.assessor.web.rendering import FOLDER, HEADERS, Templates

FORMS = frozenset({"/assess", "/evidence", "/feedback", "/forget", "/queue"})


def mount(app: FastAPI) -> None:
    """Add the page and its files to an application whose state holds a `State`."""
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    app.include_router(_router(Templates()))


def _router(templates: Templates) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def page(request: Request) -> Response:
        """The form, and the answer that the address names."""
        return await Page(request, templates).show()

    @router.post("/assess")
    async def assess(request: Request) -> Response:
        """Assess the text of the form."""
        return await Page(request, templates).assess()

    @router.post("/evidence")
    async def evidence(request: Request) -> Response:
        """Measure what an answer rests on."""
        return await Page(request, templates).evidence()

    @router.post("/feedback")
    async def feedback(request: Request) -> Response:
        """Store the ground truth of an answer."""
        return await Page(request, templates).feedback()

    @router.post("/forget")
    async def forget(request: Request) -> Response:
        """Empty this browser's list of answers."""
        return await Page(request, templates).forget()

    @router.get("/queue")
    async def queue(request: Request) -> Response:
        """A text to be judged."""
        return await QueuePage(request, templates).show()

    @router.post("/queue")
    async def enter(request: Request) -> Response:
        """Store what a reviewer says about a text."""
        return await QueuePage(request, templates).enter()

    @router.get("/certificates")
    async def certificates(request: Request) -> Response:
        """Which certificates hold, and their histories."""
        return await certificates_page.show(request, templates)

    @router.get("/assess")
    @router.get("/evidence")
    @router.get("/feedback")
    @router.get("/forget")
    async def back() -> Response:
        """Someone opened a form's address."""
        return RedirectResponse("./", HTTPStatus.SEE_OTHER, HEADERS)

    return router
