"""The route of the page /plan, and its files."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles

from services.assessor.plan.page import PlanPage, Site
from services.assessor.plan.planner import Planner
from services.assessor.web.rendering import Templates, version_of
from signalbox.capacity.answers import page_file
from signalbox.settings import Settings


def mount(app: FastAPI, settings: Settings, planner: Planner | None = None) -> None:
    """Add the page. Mount it before `/static`, below which its files are: they are open to browsers without a key, too."""
    folder = Path(str(resources.files(page_file.__package__))) / "assets"
    app.mount("/static/plan", StaticFiles(directory=folder), name="plan-static")
    router = APIRouter(include_in_schema=False)
    site = Site(Templates(), version_of(folder), planner or Planner(settings.plan_seconds))

    @router.get("/plan")
    async def plan(request: Request) -> Response:
        """The form, and the answer to the question in the address."""
        return await PlanPage(request, site).show()

    app.include_router(router)
