"""The application: settings in, FastAPI out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

import aiohttp
from fastapi import FastAPI

from services.assessor import access, errors, pages, passthrough, routes
from services.assessor.assess import Assess
from services.assessor.health import HealthPoll
from services.assessor.limits import Limits
from services.assessor.metrics import Metrics
from services.assessor.retention import purging
from services.assessor.state import State
from signalbox.models.base import ModelClient
from signalbox.models.factory import make_client
from signalbox.settings import Settings
from signalbox.store import Store, open_store
from signalbox.tasks import Task, load_task


def create_app(
    settings: Settings, *, clients: Mapping[str, ModelClient] | None = None, store: Store | None = None
) -> FastAPI:
    """The assessor. `clients` and `store` are for tests; without them the settings say what to use.

    Raises InputError for a task or a file of keys that cannot be used.
    """
    task = load_task(settings.task)
    metrics = Metrics()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            app.state.signalbox = await _open(stack, settings, task, metrics, clients, store)
            yield

    app = FastAPI(
        title="Signalbox assessor",
        version="0.1.0",
        description="Answers with a traffic light. Red withholds the verdict; nothing is green uncertified.",
        lifespan=lifespan,
    )
    if settings.api_keys_file:
        file = access.KeyFile(settings.api_keys_file)
        app.add_middleware(access.Access, file=file, metrics=metrics)
        access.declare(app)
    # The outermost: what the keys refuse is counted too.
    app.add_middleware(Limits, max_body_bytes=settings.max_body_bytes, metrics=metrics, own_limit=pages.FORMS)
    errors.install(app)
    app.include_router(routes.router)
    app.include_router(passthrough.router)
    pages.mount(app)
    return app


async def _open(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    task: Task,
    metrics: Metrics,
    clients: Mapping[str, ModelClient] | None,
    store: Store | None,
) -> State:
    if clients is None:
        clients = {
            "encoder": make_client(settings, task, "encoder"),
            "decoder": make_client(settings, task, "decoder"),
        }
        for client in clients.values():
            stack.push_async_callback(client.close)
    if store is None:
        spool_dir = settings.state_dir / "spool"
        opened = open_store(settings.store_url, store_text=settings.store_text, spool_dir=spool_dir)
        store = await stack.enter_async_context(opened)
    # Reading may pause as long as a slow model thinks; connecting may not.
    timeout = aiohttp.ClientTimeout(total=None, connect=5, sock_read=settings.decoder_timeout_seconds)
    upstream = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
    await stack.enter_async_context(purging(store, settings.retention_days))
    poll = HealthPoll(clients, store, metrics)
    await stack.enter_async_context(poll.running())
    assess = Assess(settings, task, clients, store, metrics)
    return State(settings, task, clients, store, metrics, assess, poll, upstream)
