"""The application: settings in, FastAPI out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

from fastapi import FastAPI

from services.assessor import errors, openapi
from services.assessor.access import Access, KeyFile
from services.assessor.assess import Assess
from services.assessor.calls import Calls, CountedClient
from services.assessor.certificates import routes as certificates
from services.assessor.decisions.event_poll import EventPoll
from services.assessor.health import HealthPoll
from services.assessor.limits import Limits
from services.assessor.metrics import Metrics
from services.assessor.retention import purging
from services.assessor.review import routes as review
from services.assessor.review.refill import Refill, refilling
from services.assessor.routes import api, pages, passthrough
from services.assessor.routes.direct import DirectRoutes
from services.assessor.routes.upstream import session
from services.assessor.state import State
from services.assessor.usage.meter import Meter, writing
from services.assessor.usage.middleware import CountUsage
from signalbox.contracts.routes import routes_over
from signalbox.models.base import ModelClient
from signalbox.models.factory import make_client
from signalbox.settings import Settings
from signalbox.store import Store, open_store
from signalbox.tasks import Task, load_task
from signalbox.usage.energy import Energy


def create_app(
    settings: Settings, *, clients: Mapping[str, ModelClient] | None = None, store: Store | None = None
) -> FastAPI:
    """The assessor. Tests pass `clients` and `store`; by default they follow from the settings. Routes are those that
    need none but the clients.

    Raises InputError for a task or a file of keys that is invalid.
    """
    task = load_task(settings.task)
    metrics = Metrics(task)
    meter = Meter(metrics, Energy(settings.wh_per_1k_tokens, settings.encoder_watts))

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            app.state.signalbox = await _open(stack, settings, task, metrics, meter, clients, store)
            yield

    app = FastAPI(
        title="Signalbox assessor",
        version="0.1.0",
        description="Answers with a traffic light. Red withholds the verdict; green requires a certificate.",
        lifespan=lifespan,
    )
    # The innermost: behind keys, limits and counters.
    app.add_middleware(DirectRoutes)
    if settings.api_keys_file:
        app.add_middleware(Access, file=KeyFile(settings.api_keys_file), metrics=metrics)
    app.add_middleware(CountUsage, meter=meter)
    # The outermost: it counts what the keys reject, too.
    app.add_middleware(Limits, max_body_bytes=settings.max_body_bytes, metrics=metrics, own_limit=pages.FORMS)
    errors.install(app)
    app.include_router(api.router)
    app.include_router(passthrough.router)
    app.include_router(review.router)
    app.include_router(certificates.router)
    if settings.plan_enabled:
        from services.assessor.plan import routes as plan  # noqa: PLC0415 - off by default

        plan.mount(app, settings)
    pages.mount(app)
    openapi.complete(app, keys_required=settings.api_keys_file is not None)
    return app


async def _open(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    task: Task,
    metrics: Metrics,
    meter: Meter,
    clients: Mapping[str, ModelClient] | None,
    store: Store | None,
) -> State:
    if clients is None:
        clients = {name: make_client(settings, task, name) for name in settings.models}
        for client in clients.values():
            stack.push_async_callback(client.close)
    if store is None:
        new_store = open_store(
            settings.store_url,
            store_text=settings.store_text,
            spool_dir=settings.state_dir / "spool",
            spool_max_bytes=settings.spool_max_bytes,
        )
        store = await stack.enter_async_context(new_store)
    upstream = await stack.enter_async_context(session(settings))
    await stack.enter_async_context(purging(store, settings.retention_days))
    await stack.enter_async_context(writing(meter, store))
    await stack.enter_async_context(refilling(Refill(task, store, metrics)))
    calls = {name: Calls(name, metrics) for name in (*settings.models, *clients)}
    models = {name: CountedClient(client, calls[name]) for name, client in clients.items()}
    poll = HealthPoll(models, store, metrics)
    await stack.enter_async_context(poll.running())
    assess = Assess(settings, task, models, store, metrics)
    await stack.enter_async_context(EventPoll(task, assess.certificates, store, metrics).running())
    return State(settings, task, calls, store, metrics, assess, poll, upstream, routes_over(clients))
